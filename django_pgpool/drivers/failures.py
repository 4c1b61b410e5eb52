"""What the server or libpq says where something failed, as far as anything depends on it."""

from __future__ import annotations

import errno
import os

from .dbapi import OperationalError

READ_ONLY = "25006"
"""SQLSTATE read_only_sql_transaction."""
UNPREPARED = ("0A000", "26000", "42P05")
"""SQLSTATEs of a prepared statement that does not fit any more: "cached plan must not change result
type", after a migration; there is none of that name; there is one already."""
TERMINATED = "terminating connection due to administrator command"
"""SQLSTATE 57P01 admin_shutdown, of which psycopg2 passes on no more than the text."""

CANNOT_CONNECT_NOW = (
    # 57P03: starting, stopping, recovering
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "the database system is not accepting connections",
    # PgBouncer, whose server cannot be connected to, or has no connection free for so long
    "server login has been failing",
    "query_wait_timeout",
)
_FULL = (
    # 53300 too_many_connections, at the server, the role or the database; PgBouncer's own limits
    "too many clients already",
    "remaining connection slots are reserved",
    "too many connections for",
    "no more connections allowed",
    "client connections exceeded",
)
NO_DESCRIPTOR = os.strerror(errno.EMFILE)
NO_NAMES_NOW = "Temporary failure in name resolution"
"""EAI_AGAIN, as glibc says it."""
_PASSING = (
    *CANNOT_CONNECT_NOW,
    # nobody listens at the moment
    "Connection refused",
    "server closed the connection unexpectedly",
    "Connection reset by peer",
    # the DNS; this process
    NO_NAMES_NOW,
    NO_DESCRIPTOR,
)
"""An error of opening carries no SQLSTATE in libpq, so its text must do. With messages in another
language (lc_messages) such a failure counts as lasting: a waiter gets it sooner, no more."""


def is_full(error: BaseException) -> bool:
    """Whether an opening failed because the server takes no more connections."""
    return _says(error, _FULL)


def is_transient(error: BaseException) -> bool:
    """Whether a failed opening is likely to succeed soon."""
    return is_full(error) or _says(error, _PASSING) or _has_no_socket(error)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(error)
    return isinstance(error, OperationalError) and any(part in text for part in phrases)


def _has_no_socket(error: BaseException) -> bool:
    """The server's unix socket is not there, as it is not while the server is down."""
    text = str(error)
    return "Is the server running" in text and "No such file or directory" in text
