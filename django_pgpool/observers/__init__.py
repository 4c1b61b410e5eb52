"""Who is told what the pool does."""
