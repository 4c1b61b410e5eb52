"""psycopg2, made green by psycogreen where gevent has patched the process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import partial
from time import monotonic
from typing import Any

import psycopg2
from psycopg2.extensions import (
    TRANSACTION_STATUS_ACTIVE,
    TRANSACTION_STATUS_IDLE,
    TRANSACTION_STATUS_INERROR,
    TRANSACTION_STATUS_INTRANS,
    make_dsn,
)

from ..pool.events import Reason
from .bound import bounded
from .cancel import cancel
from .hosts import CANNOT_CONNECT_NOW
from .session import TrackedConnection, TrackingCursor
from .sockets import READ, unpatched_poll
from .waiting import farewell, make_green

FAREWELL = 1.0
"""Seconds to wait for the server to end a session that was closed: so long it counts."""
_IDLE = TRANSACTION_STATUS_IDLE
_IN_TRANSACTION = (TRANSACTION_STATUS_INTRANS, TRANSACTION_STATUS_INERROR)

_READS_ONLY = ("standby", "prefer-standby", "read-only")
"""Values of target_session_attrs that lead to servers of which nobody expects that they write."""

_FULL = (
    # 53300 too_many_connections, at the server, the role or the database; PgBouncer's own limits
    "too many clients already",
    "remaining connection slots are reserved",
    "too many connections for",
    "no more connections allowed",
    "client connections exceeded",
)
_RESTARTING = (
    *CANNOT_CONNECT_NOW,
    # nobody listens at the moment
    "Connection refused",
    "server closed the connection unexpectedly",
    "Connection reset by peer",
)
"""An error of opening carries no SQLSTATE in libpq, so its text must do. With messages in another
language (lc_messages) such a failure counts as lasting: a waiter gets it sooner, no more."""


def is_libpq_parameter(name: str) -> bool:
    """Ask libpq itself."""
    if name in ("dsn", "async", "async_"):
        return False
    try:
        make_dsn(**{name: "0"})
    except psycopg2.ProgrammingError as error:
        return "invalid connection option" not in str(error)
    except TypeError:
        return False
    return True


class Psycopg2Driver:
    """``connect`` opens a connection and configures it: in autocommit mode, with all that is the
    same for every holder. ``reset``: when what a holder may have left in the session is undone:
    "auto" where there may be something, "always", "never". ``connect_timeout``: seconds for the
    opening, and for any other answer this driver waits for; without gevent libpq's own must do.
    ``read_timeout`` and ``cancel_timeout``: see TrackedConnection.
    """

    def __init__(
        self,
        connect: Callable[[], TrackedConnection],
        *,
        reset: str = "auto",
        connect_timeout: float = 5.0,
        read_timeout: float | None = None,
        cancel_timeout: float | None = 1.0,
    ) -> None:
        self._connect = connect
        self._always = reset == "always"
        self._never = reset == "never"
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._cancel_timeout = cancel_timeout
        self._settings: tuple[Any, ...] = ()
        """What a holder may change on the client's side; the same for all connections."""
        self._string_types: dict[int, Any] = {}
        self._binary_types: dict[int, Any] = {}

    def open(self) -> TrackedConnection:
        make_green()
        connection = self._connect()
        connection.left_state = False
        connection.read_timeout = self._read_timeout
        connection.cancel_timeout = self._cancel_timeout
        connection.changed = False
        self._settings = _settings_of(connection)
        self._string_types = dict(connection.string_types)
        self._binary_types = dict(connection.binary_types)
        return connection

    def probe(self, connection: TrackedConnection) -> Callable[[], object]:
        poller = unpatched_poll()
        poller.register(connection.fileno(), READ)
        return partial(poller.poll, 0)

    def watch(self, connection: TrackedConnection, lost: Callable[[], None]) -> None:
        connection.lost = lost

    def ping(self, connection: TrackedConnection) -> bool:
        try:
            with self._bounded("a ping"), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            return False
        return True

    def reset(self, connection: TrackedConnection) -> Reason | None:
        connection.lease += 1
        status = connection.get_transaction_status()
        dirty = self._always or (connection.left_state and not self._never)
        if (
            status == _IDLE
            and not dirty
            and not connection.refused_writing
            and connection.string_types == self._string_types
            and connection.binary_types == self._binary_types
            and not (connection.notices or connection.notifies)
            and (not connection.changed or self._is_as_it_was(connection))
        ):
            return None
        if connection.closed:  # its status is neither
            return Reason.TERMINATED if connection.terminated else Reason.BROKEN
        if status != _IDLE and status not in _IN_TRANSACTION:
            return Reason.DIRTY  # a statement is still running
        if connection.refused_writing and self._is_standby(connection):
            return Reason.DEMOTED
        try:
            with self._bounded("a rollback or reset"):
                self._clean(connection, dirty)
        except psycopg2.Error:
            return Reason.BROKEN
        # Whatever was done above: nothing becomes idle in the pool that is not idle at the server.
        return None if connection.get_transaction_status() == _IDLE else Reason.DIRTY

    def _is_as_it_was(self, connection: TrackedConnection) -> bool:
        as_it_was = _settings_of(connection) == self._settings
        connection.changed = not as_it_was
        return as_it_was

    def _is_standby(self, connection: TrackedConnection) -> bool:
        """Whether the server itself is read-only, not just the holder's transaction; and no standby
        was asked for."""
        connection.refused_writing = False
        if connection.info.dsn_parameters.get("target_session_attrs") in _READS_ONLY:
            return False
        try:
            with self._bounded("a look at the server's role"):
                _roll_back(connection)
                with connection.cursor(cursor_factory=TrackingCursor) as cursor:
                    cursor.execute("SELECT pg_is_in_recovery()")
                    (standby,) = cursor.fetchone() or (True,)
        except psycopg2.Error:
            return True
        return bool(standby)

    def _clean(self, connection: TrackedConnection, dirty: bool) -> None:
        connection.close_named_cursors()
        _roll_back(connection)
        (
            connection.autocommit,
            connection.isolation_level,
            connection.readonly,
            connection.deferrable,
            connection.cursor_factory,
            encoding,
        ) = self._settings
        if connection.encoding != encoding:
            connection.set_client_encoding(encoding)
        _replace(connection.string_types, self._string_types)
        _replace(connection.binary_types, self._binary_types)
        connection.notices.clear()
        connection.notifies.clear()
        if dirty:
            with connection.cursor() as cursor:
                cursor.execute(connection.restore)
        connection.changed = connection.left_state = False

    def close(self, connection: TrackedConnection) -> Callable[[], None] | None:
        return farewell(connection, FAREWELL)

    def is_transient(self, error: BaseException) -> bool:
        return self.is_full(error) or _says(error, _RESTARTING) or _has_no_socket(error)

    def is_full(self, error: BaseException) -> bool:
        return _says(error, _FULL)

    def _bounded(self, what: str) -> AbstractContextManager[None]:
        return bounded(what, self._connect_timeout)


def _roll_back(connection: TrackedConnection) -> None:
    """psycopg2's rollback() does nothing to a transaction that a statement has begun: BEGIN."""
    connection.rollback()
    if connection.get_transaction_status() == _IDLE:
        return
    connection.autocommit = True  # else execute() would begin another one
    with connection.cursor(cursor_factory=TrackingCursor) as cursor:
        cursor.execute("ROLLBACK")


def end(connections: Iterable[TrackedConnection]) -> None:
    """At the interpreter's exit, for what is still in use: nobody will give it back any more.

    Those without a statement are closed; the statements of the others are cancelled, all of them
    within the time of one cancel. Their connections end with the process.
    """
    deadline = monotonic() + FAREWELL / 2
    for connection in connections:
        if connection.closed or connection.abandoned:
            continue
        if connection.get_transaction_status() == TRANSACTION_STATUS_ACTIVE:
            cancel(connection, deadline - monotonic(), alone=True)
        else:
            with suppress(psycopg2.Error):
                connection.close()


def abandon(connection: TrackedConnection) -> None:
    """In a forked child: let go of the parent's socket without a word to the server.

    The descriptor's number stays taken, by /dev/null: a connection object that somebody still
    holds must not come to speak into a file or socket opened later.
    """
    connection.abandoned = True
    with suppress(OSError, psycopg2.Error):
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, connection.fileno())
        os.close(null)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    text = str(error)
    return isinstance(error, psycopg2.OperationalError) and any(part in text for part in phrases)


def _has_no_socket(error: BaseException) -> bool:
    """The server's unix socket is not there, as it is not while the server is down."""
    text = str(error)
    return "Is the server running" in text and "No such file or directory" in text


def _settings_of(connection: TrackedConnection) -> tuple[Any, ...]:
    return (
        connection.autocommit,
        connection.isolation_level,
        connection.readonly,
        connection.deferrable,
        connection.cursor_factory,
        connection.encoding,
    )


def _replace(types: dict[int, Any], original: dict[int, Any]) -> None:
    types.clear()
    types.update(original)
