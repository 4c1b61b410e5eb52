"""ENGINE 'django_pgpool'."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import is_psycopg3

if is_psycopg3:
    raise ImproperlyConfigured(
        "The engine django_pgpool works with psycopg2, but Django uses psycopg 3 where that is "
        "installed. Uninstall the package psycopg."
    )

from .wrapper import PooledMixin


class DatabaseWrapper(PooledMixin, PostgresDatabaseWrapper):
    """Django's PostgreSQL backend with connections from an elastic pool."""
