"""What the pool needs to know about each driver."""
