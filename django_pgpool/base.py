"""ENGINE 'django_pgpool'."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresDatabaseWrapper
from django.db.backends.postgresql.base import psycopg_version
from django.db.backends.postgresql.psycopg_any import is_psycopg3

if is_psycopg3 and psycopg_version() < (3, 2):
    raise ImproperlyConfigured(
        "The engine django_pgpool needs psycopg 3.2 or newer: pip install "
        "'django_pgpool[psycopg]'. (Without the package psycopg Django uses psycopg2.)"
    )

from .wrapper import PooledMixin


class DatabaseWrapper(PooledMixin, PostgresDatabaseWrapper):
    """Django's PostgreSQL backend with connections from an elastic pool."""
