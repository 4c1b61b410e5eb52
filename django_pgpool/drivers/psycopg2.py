"""psycopg2, made green by psycogreen where gevent has patched the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, make_dsn

from ..pool.events import Reason
from ..redaction import Hidden
from .driver import LibpqDriver
from .session import TrackedConnection, TrackingCursor
from .waiting import make_green

_IDLE = TRANSACTION_STATUS_IDLE
_FACTORIES = ("connection_factory", "cursor_factory")


def is_libpq_parameter(name: str) -> bool:
    """Whether connect() takes it: libpq itself is asked."""
    if name in _FACTORIES:
        return True
    if name in ("dsn", "async", "async_"):
        return False
    try:
        make_dsn(**{name: "0"})
    except psycopg2.ProgrammingError as error:
        return "invalid connection option" not in str(error)
    except TypeError:
        return False
    return True


def in_one(params: dict[str, Any]) -> dict[str, Any]:
    """The same parameters of connect(), with libpq's in one string, as it would else put them
    together each time."""
    libpqs = {name: value for name, value in params.items() if name not in _FACTORIES}
    ours = {name: value for name, value in params.items() if name in _FACTORIES}
    return {"dsn": Hidden(make_dsn(**libpqs)), **ours}


class Psycopg2Driver(LibpqDriver):
    def __init__(self, connect: Callable[[], TrackedConnection], **options: Any) -> None:
        super().__init__(connect, **options)
        self._string_types: dict[int, Any] = {}
        self._binary_types: dict[int, Any] = {}

    def open(self) -> TrackedConnection:
        make_green()
        connection: TrackedConnection = super().open()
        return connection

    def _settings_of(self, connection: TrackedConnection) -> tuple[Any, ...]:
        return (
            connection.autocommit,
            connection.isolation_level,
            connection.readonly,
            connection.deferrable,
            connection.cursor_factory,
            connection.encoding,
        )

    def _keep(self, connection: TrackedConnection) -> None:
        self._string_types = dict(connection.string_types)
        self._binary_types = dict(connection.binary_types)

    def reset(self, connection: TrackedConnection) -> Reason | None:
        connection.lease += 1
        dirty = self._always or (connection.left_state and not self._never)
        if (
            connection.get_transaction_status() == _IDLE
            and not dirty
            and not connection.refused_writing
            and connection.string_types == self._string_types
            and connection.binary_types == self._binary_types
            and not (connection.notices or connection.notifies)
            and (not connection.changed or self._is_as_it_was(connection))
        ):
            return None
        return self._mend(connection, dirty)

    def _clean(self, connection: TrackedConnection, dirty: bool) -> None:
        connection.close_named_cursors()
        self._roll_back(connection)
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

    def _parameters(self, connection: TrackedConnection) -> Mapping[str, str]:
        parameters: Mapping[str, str] = connection.info.dsn_parameters
        return parameters

    def _roll_back(self, connection: TrackedConnection) -> None:
        # psycopg2's rollback() does nothing to a transaction that a statement has begun.
        connection.rollback()
        if connection.get_transaction_status() == _IDLE:
            return
        connection.autocommit = True  # else execute() would begin another one
        with self._plain_cursor(connection) as cursor:
            cursor.execute("ROLLBACK")

    def _plain_cursor(self, connection: TrackedConnection) -> Any:
        return connection.cursor(cursor_factory=TrackingCursor)


def _replace(types: dict[int, Any], original: dict[int, Any]) -> None:
    types.clear()
    types.update(original)
