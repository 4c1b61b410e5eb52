"""What the tests of the backend share. They run on a real PostgreSQL."""
