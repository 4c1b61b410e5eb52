"""The driver that Django has chosen: psycopg 3 where that is installed, else psycopg2. Here as far
as the rooms need it that serve both; the rest comes from ``chosen``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.base import psycopg_version
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from ..pool.runtime import gevent_has_patched

if is_psycopg3 and psycopg_version() < (3, 2):
    raise ImproperlyConfigured(
        "The engine django_pgpool needs psycopg 3.2 or newer: pip install "
        "'django_pgpool[psycopg]'. (Without the package psycopg Django uses psycopg2.)"
    )

if TYPE_CHECKING or not is_psycopg3:
    from psycopg2 import Error, InterfaceError, OperationalError
    from psycopg2.extensions import get_wait_callback
else:
    from psycopg import Error, InterfaceError, OperationalError

__all__ = ["Error", "InterfaceError", "OperationalError", "is_psycopg3"]

# libpq's PGTransactionStatusType, which both drivers pass on.
IDLE, ACTIVE, IN_TRANSACTION, IN_ERROR = 0, 1, 2, 3


def is_green() -> bool:
    """Whether other greenlets run while the driver waits."""
    if is_psycopg3:
        return gevent_has_patched()
    return get_wait_callback() is not None
