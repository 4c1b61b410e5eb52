"""``INSTALLED_APPS = [..., "django_pgpool"]``: brings the command ``manage.py pgpool``. The engine
does without."""

from __future__ import annotations

from django.apps import AppConfig


class PgpoolConfig(AppConfig):
    name = "django_pgpool"
    verbose_name = "Connection pools"

    def ready(self) -> None:
        from .checks import settings  # noqa: F401  registers them, before any engine is loaded
