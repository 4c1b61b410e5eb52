"""psycopg 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from ..pool.events import Reason
from .driver import LibpqDriver
from .psycopg_session import NotedAdapters, TrackedConnection, tracking
from .psycopg_waiting import make_green

_IDLE = pq.TransactionStatus.IDLE
_TAKEN_BY_CONNECT = ("cursor_factory", "prepare_threshold", "row_factory")


def is_libpq_parameter(name: str) -> bool:
    """Whether connect() takes it: libpq itself is asked."""
    if name in _TAKEN_BY_CONNECT:
        return True
    if name == "conninfo":
        return False
    try:
        make_conninfo(**{name: "0"})
    except psycopg.ProgrammingError as error:
        return "invalid connection option" not in str(error)
    return True


def tracked(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of connect(), with which it makes what is tracked."""
    return {**params, "cursor_factory": tracking(params["cursor_factory"])}


def in_one(params: dict[str, Any]) -> dict[str, Any]:
    """See its like for psycopg2: psycopg looks into a string as long as into these."""
    return params


class _Tracking:
    """psycopg, but for the class of its connections."""

    def connect(self, **params: Any) -> Any:
        return TrackedConnection.connect(**params)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


database = _Tracking()
"""What Django's backend opens the pool's connections with."""


class PsycopgDriver(LibpqDriver):
    def __init__(self, connect: Callable[[], TrackedConnection], **options: Any) -> None:
        super().__init__(connect, **options)
        self._rows: Any = None
        self._cursors: Any = None
        self._server_cursors: Any = None

    def open(self) -> TrackedConnection:
        make_green()
        connection: TrackedConnection = super().open()
        connection.configured = connection.adapters
        connection._adapters = NotedAdapters(connection.configured)
        return connection

    def _settings_of(self, connection: TrackedConnection) -> tuple[Any, ...]:
        return (
            connection.autocommit,
            connection.isolation_level,
            connection.read_only,
            connection.deferrable,
            connection.prepare_threshold,
            connection.prepared_max,
        )

    def _keep(self, connection: TrackedConnection) -> None:
        self._rows = connection.row_factory
        self._cursors = connection.cursor_factory
        self._server_cursors = connection.server_cursor_factory

    def reset(self, connection: TrackedConnection) -> Reason | None:
        connection.lease += 1
        dirty = self._always or (connection.left_state and not self._never)
        if (
            connection.pgconn.transaction_status == _IDLE
            and not dirty
            and not connection.refused_writing
            and not connection.entangled
            and connection._tpc is None
            and not connection._adapters.changed
            and connection.row_factory is self._rows
            and connection.cursor_factory is self._cursors
            and connection.server_cursor_factory is self._server_cursors
            and (not connection.changed or self._is_as_it_was(connection))
        ):
            return None
        if _is_used(connection) and not connection.closed:
            return Reason.DIRTY
        return self._mend(connection, dirty)

    def _clean(self, connection: TrackedConnection, dirty: bool) -> None:
        connection.close_named_cursors()
        self._roll_back(connection)
        (
            connection.autocommit,
            connection.isolation_level,
            connection.read_only,
            connection.deferrable,
            threshold,
            most,
        ) = self._settings
        connection.row_factory = self._rows
        connection.cursor_factory = self._cursors
        connection.server_cursor_factory = self._server_cursors
        connection._adapters = NotedAdapters(connection.configured)
        connection._notice_handlers.clear()
        connection._notify_handlers.clear()
        if backlog := getattr(connection, "_notifies_backlog", None):
            backlog.clear()
        if dirty:
            # None of the prepared statements that psycopg knows of will be there.
            connection._prepared = type(connection._prepared)()
            connection.prepare_threshold = None
            with self._plain_cursor(connection) as cursor:
                cursor.execute(connection.restore)
        connection.prepare_threshold, connection.prepared_max = threshold, most
        connection.changed = connection.left_state = connection.entangled = False

    def _parameters(self, connection: TrackedConnection) -> Mapping[str, str]:
        parameters: Mapping[str, str] = connection.info.get_parameters()
        return parameters

    def _roll_back(self, connection: TrackedConnection) -> None:
        connection.rollback()

    def _plain_cursor(self, connection: TrackedConnection) -> Any:
        cursor: Any = tracking(psycopg.Cursor)(connection, row_factory=tuple_row)
        cursor.lease = connection.lease
        return cursor


def _is_used(connection: TrackedConnection) -> bool:
    """Whether somebody still has what only he can end; others would wait for its lock."""
    return (
        connection.lock.locked()
        or connection._pipeline is not None
        or connection._num_transactions > 0
        or connection._tpc is not None
    )
