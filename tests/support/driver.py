"""Which driver a test run is about: PGPOOL_TEST_DRIVER, psycopg2 or psycopg.

To be imported before anything of Django. Both may be installed, and Django would take psycopg; the
servers and the tests themselves speak to PostgreSQL through psycopg2, whichever it is.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from gevent.monkey import is_module_patched
from psycogreen.gevent import patch_psycopg

VARIABLE = "PGPOOL_TEST_DRIVER"
DRIVER = os.environ.get(VARIABLE) or "psycopg2"
IS_PSYCOPG3 = DRIVER == "psycopg"

database: Any
"""The chosen driver's module."""
Cursor: Any
"""The class of the cursors that Django asks it for."""
CHANGED_CURSORS: dict[str, Any]
"""An attribute of a connection, and a value with which cursors return other rows."""
CLOSED = "the connection is closed" if IS_PSYCOPG3 else "connection already closed"
"""What the driver says of a connection that is closed, in an error of its own kind."""
READ_ONLY = "read_only" if IS_PSYCOPG3 else "readonly"
"""An attribute of a connection."""
if IS_PSYCOPG3:
    import psycopg as database
    from psycopg.rows import dict_row

    Cursor = database.ClientCursor
    CHANGED_CURSORS = {"row_factory": dict_row}
elif DRIVER == "psycopg2":
    sys.modules["psycopg"] = None  # type: ignore[assignment]  # as if it were not installed
    import psycopg2 as database
    from psycopg2.extras import RealDictCursor

    Cursor = database.extensions.cursor
    CHANGED_CURSORS = {"cursor_factory": RealDictCursor}
else:
    raise ImportError(f"{VARIABLE} must be psycopg2 or psycopg, not {DRIVER!r}")

if IS_PSYCOPG3 and is_module_patched("threading"):
    patch_psycopg()  # which else the engine does, for those who watch as well


def only_psycopg2(why: str) -> Any:
    """Marks tests of what only psycopg2 has."""
    return pytest.mark.skipif(IS_PSYCOPG3, reason=f"psycopg2 only: {why}")


def opener() -> Any:
    """Whose ``connect`` opens the pool's connections."""
    if not IS_PSYCOPG3:
        return database
    from django_pgpool.drivers.psycopg_session import TrackedConnection

    return TrackedConnection
