"""django_pgpool beside what a site would choose instead: ``python -m loadtests compare``."""
