"""Django's own tests as a judge of the engine: ``python -m tests.django_suite --help``."""
