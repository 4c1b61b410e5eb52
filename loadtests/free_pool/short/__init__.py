"""The free pool on the shortest way from Django to it."""
