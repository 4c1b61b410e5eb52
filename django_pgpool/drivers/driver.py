"""What is the same for both drivers of all that the pool asks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..pool.events import Reason
from . import failures
from .bound import bounded
from .dbapi import IDLE, IN_ERROR, IN_TRANSACTION, Error
from .ending import FAREWELL, farewell
from .sockets import READ, unpatched_poll

_READS_ONLY = ("standby", "prefer-standby", "read-only")
"""Values of target_session_attrs that lead to servers of which nobody expects that they write."""


class LibpqDriver(ABC):
    """``connect`` opens a connection and configures it: in autocommit mode, with all that is the
    same for every holder. ``reset``: when what a holder may have left in the session is undone:
    "auto" where there may be something, "always", "never". ``connect_timeout``: seconds for the
    opening, and for any other answer this driver waits for; without gevent libpq's own must do.
    ``read_timeout`` and ``cancel_timeout``: see Lent.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
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
        """What a holder may change on the client's side; the same for all connections, and known
        from the first on."""

    def open(self) -> Any:
        connection = self._connect()
        connection.read_timeout = self._read_timeout
        connection.cancel_timeout = self._cancel_timeout
        if not self._settings:
            self._keep(connection)
            self._settings = self._settings_of(connection)
        connection.changed = connection.left_state = False
        return connection

    @abstractmethod
    def _settings_of(self, connection: Any) -> tuple[Any, ...]:
        """Those of which is noted on the connection that somebody has set one."""

    def _is_as_it_was(self, connection: Any) -> bool:
        as_it_was = self._settings_of(connection) == self._settings
        connection.changed = not as_it_was
        return as_it_was

    @abstractmethod
    def _keep(self, connection: Any) -> None:
        """Of a new connection: keep what else a holder may change on the client's side."""

    def probe(self, connection: Any) -> Callable[[], object]:
        poller = unpatched_poll()
        poller.register(connection.fileno(), READ)
        return partial(poller.poll, 0)

    def watch(self, connection: Any, lost: Callable[[], None]) -> None:
        connection.lost = lost

    def ping(self, connection: Any) -> bool:
        try:
            with self._bounded("a ping"), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except Error:
            return False
        return True

    @abstractmethod
    def reset(self, connection: Any) -> Reason | None:
        """See Driver; without a call that is not needed, each request would feel it."""

    def _mend(self, connection: Any, dirty: bool) -> Reason | None:
        """``reset()`` where there may be something to do."""
        if connection.closed:  # its status is neither
            return Reason.TERMINATED if connection.terminated else Reason.BROKEN
        if connection.get_transaction_status() not in (IDLE, IN_TRANSACTION, IN_ERROR):
            return Reason.DIRTY  # a statement is still running
        if connection.refused_writing and self._is_standby(connection):
            return Reason.DEMOTED
        try:
            with self._bounded("a rollback or reset"):
                self._clean(connection, dirty)
        except Error:
            return Reason.BROKEN
        # Whatever was done above: nothing becomes idle in the pool that is not idle at the server.
        return None if connection.get_transaction_status() == IDLE else Reason.DIRTY

    @abstractmethod
    def _clean(self, connection: Any, dirty: bool) -> None:
        """Roll back, and put everything as it was; ``dirty``: in the session, too."""

    def _is_standby(self, connection: Any) -> bool:
        """Whether the server itself is read-only, not just the holder's transaction; and no standby
        was asked for."""
        connection.refused_writing = False
        if self._parameters(connection).get("target_session_attrs") in _READS_ONLY:
            return False
        try:
            with self._bounded("a look at the server's role"):
                self._roll_back(connection)
                with self._plain_cursor(connection) as cursor:
                    cursor.execute("SELECT pg_is_in_recovery()")
                    (standby,) = cursor.fetchone() or (True,)
        except Error:
            return True
        return bool(standby)

    @abstractmethod
    def _parameters(self, connection: Any) -> Mapping[str, str]:
        """libpq's, with which it was opened."""

    @abstractmethod
    def _roll_back(self, connection: Any) -> None:
        """End the transaction, also one that a statement has begun: BEGIN."""

    @abstractmethod
    def _plain_cursor(self, connection: Any) -> Any:
        """Whatever the holder's idea of a cursor is."""

    def close(self, connection: Any) -> Callable[[], None] | None:
        return farewell(connection, FAREWELL)

    def is_transient(self, error: BaseException) -> bool:
        return failures.is_transient(error)

    def is_full(self, error: BaseException) -> bool:
        return failures.is_full(error)

    def _bounded(self, what: str) -> bounded:
        return bounded(what, self._connect_timeout)
