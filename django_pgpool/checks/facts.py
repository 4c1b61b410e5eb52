"""What one server says of its limits and of who is connected to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..redaction import redacted

_SERVER = """
SELECT
    current_setting('server_version_num')::int,
    current_setting('max_connections')::int,
    current_setting('superuser_reserved_connections')::int,
    coalesce(current_setting('reserved_connections', true)::int, 0),
    rolname, rolsuper, rolconnlimit, datname, datconnlimit,
    (SELECT setting::int FROM pg_settings WHERE name = 'idle_session_timeout'),
    (SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'),
    pg_backend_pid()
FROM pg_roles, pg_database
WHERE rolname = session_user AND datname = current_database()
"""
_SESSIONS = """
SELECT usename, datname, application_name, count(*)
FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend'
GROUP BY usename, datname, application_name
ORDER BY count(*) DESC, usename, datname, application_name
"""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Connections to the server that look alike, without the one that counts them."""

    role: str
    database: str
    application: str
    count: int


@dataclass(frozen=True, slots=True)
class Server:
    """One server as one alias sees it. What is not limited is None; time-outs are seconds."""

    version: int
    max_connections: int
    superuser_reserved: int
    reserved: int
    role: str
    superuser: bool
    role_limit: int | None
    database: str
    database_limit: int | None
    idle_session_timeout: float | None
    idle_in_transaction_session_timeout: float | None
    pooler: bool
    """Something sits in between: PgBouncer or its like. Its limits are not the server's."""
    sessions: tuple[Sessions, ...]

    @property
    def available(self) -> int:
        """To ordinary roles."""
        return self.max_connections - self.superuser_reserved - self.reserved


def ask(wrapper: Any) -> Server:
    """The server behind a wrapper. Raises django.db.Error."""
    held = wrapper.connection is not None
    try:
        with wrapper.cursor() as cursor:
            cursor.execute(_SERVER)
            row = cursor.fetchone()
            cursor.execute(_SESSIONS)
            sessions = tuple(
                Sessions(role, database, redacted(application or "", {}), count)
                for role, database, application, count in cursor.fetchall()
            )
            # PgBouncer tells its clients a process id of its own making.
            pooler = row[-1] != wrapper.connection.info.backend_pid
    finally:
        if not held:
            wrapper.close()
    return Server(
        version=row[0],
        max_connections=row[1],
        superuser_reserved=row[2],
        reserved=row[3],
        role=row[4],
        superuser=row[5],
        role_limit=_limit(row[6]),
        database=row[7],
        database_limit=_limit(row[8]),
        idle_session_timeout=_timeout(row[9]),
        idle_in_transaction_session_timeout=_timeout(row[10]),
        pooler=pooler,
        sessions=sessions,
    )


def _limit(number: int) -> int | None:
    return None if number < 0 else number


def _timeout(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None
