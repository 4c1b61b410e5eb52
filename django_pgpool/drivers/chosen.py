"""What the engine needs of the driver that Django has chosen. The other one is not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dbapi import Error, OperationalError, is_psycopg3
from .ending import abandon_all, end

if TYPE_CHECKING or not is_psycopg3:
    import psycopg2 as database

    from .psycopg2 import Psycopg2Driver as Driver
    from .psycopg2 import in_one, is_libpq_parameter
    from .psycopg2_probe import Attempt
    from .session import TrackedConnection, tracked
    from .waiting import make_green, strange_wait
else:
    from .psycopg import PsycopgDriver as Driver
    from .psycopg import database, in_one, is_libpq_parameter, tracked
    from .psycopg_probe import Attempt
    from .psycopg_session import TrackedConnection
    from .psycopg_waiting import make_green, strange_wait

__all__ = [
    "Attempt",
    "Driver",
    "Error",
    "OperationalError",
    "TrackedConnection",
    "abandon_all",
    "database",
    "end",
    "in_one",
    "is_libpq_parameter",
    "make_green",
    "strange_wait",
    "tracked",
]
