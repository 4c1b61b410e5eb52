"""Tests of the pool core. They need neither a database nor Django settings."""
