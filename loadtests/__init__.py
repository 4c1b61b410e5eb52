"""Load tests of django_pgpool: ``python -m loadtests``."""
