"""ENGINE 'django_pgpool'."""

from __future__ import annotations

from django.db.backends.postgresql.base import DatabaseWrapper as PostgresDatabaseWrapper

from .wrapper import PooledMixin


class DatabaseWrapper(PooledMixin, PostgresDatabaseWrapper):
    """Django's PostgreSQL backend with connections from an elastic pool."""
