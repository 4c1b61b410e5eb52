"""What a holder may leave in a session, and how that is noticed and undone.

Tracking is by the text of the statements that pass through psycopg2's cursors. It costs a look-up
per statement and no round trip.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from psycopg2 import Error
from psycopg2.extensions import connection as Connection  # noqa: N812  psycopg2 names it so
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from .dbapi import ACTIVE
from .failures import READ_ONLY, TERMINATED
from .lent import Lent, every, given_back, text_of
from .parameters import inlines_sql
from .statements import leaves_state

_SETTINGS = ("autocommit", "isolation_level", "readonly", "deferrable", "cursor_factory")


def _noted(name: str) -> property:
    """A setting of psycopg2's connection, of which is noted that somebody has set it."""
    setting = getattr(Connection, name)

    def change(connection: TrackedConnection, value: Any) -> None:
        connection.changed = True
        setting.__set__(connection, value)

    return property(setting.__get__, change)


class TrackedConnection(Lent, Connection):
    autocommit, isolation_level, readonly, deferrable, cursor_factory = map(_noted, _SETTINGS)

    def __new__(cls, *args: Any, **kwargs: Any) -> TrackedConnection:
        connection = super().__new__(cls, *args, **kwargs)
        every[id(connection)] = connection  # before __init__() opens it
        return connection

    def __repr__(self) -> str:
        # psycopg2's own shows the connection string, of which it hides no more than the password.
        return f"<{type(self).__name__} pid={self.info.backend_pid} closed={self.closed}>"

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        cursor = super().cursor(*args, **kwargs)
        if not isinstance(cursor, TrackingCursor):
            self.left_state = True  # it may do anything, unseen
            return cursor
        cursor.lease = self.lease
        if cursor.name is not None:
            self.note_named(cursor)
        return cursor

    def is_waited_for(self) -> bool:
        """Whether somebody is in the midst of a statement, and holds psycopg2's mutex."""
        return self.get_transaction_status() == ACTIVE

    def set_session(self, *args: Any, **kwargs: Any) -> None:
        self.changed = True
        super().set_session(*args, **kwargs)

    def set_isolation_level(self, level: int | None) -> None:
        self.changed = True
        super().set_isolation_level(level)

    def reset(self) -> None:
        self.changed = True
        self.left_state = True  # RESET ALL: the time zone is no longer ours
        super().reset()

    def set_client_encoding(self, encoding: str) -> None:
        self.changed = True
        self.left_state = True
        super().set_client_encoding(encoding)


class TrackingCursor(Cursor):
    lease = 0

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002  psycopg2 names it so
        connection: Any = self.connection  # as in _lent(), which each statement would feel
        if self.lease != connection.lease:
            raise given_back()
        if not connection.left_state:  # as in _watch()
            _watch(connection, query, vars)
        try:
            super().execute(query, vars)
        except Error as error:
            self._note(error)
            raise

    def executemany(self, query: Any, vars_list: Any) -> None:
        _watch(self._lent(), query)
        try:
            super().executemany(query, map(self._passed, vars_list))
        except Error as error:
            self._note(error)
            raise

    def copy_expert(self, sql: Any, *args: Any, **kwargs: Any) -> None:
        _watch(self._lent(), sql)
        try:
            super().copy_expert(sql, *args, **kwargs)
        except Error as error:
            self._note(error)
            raise

    def copy_from(self, *args: Any, **kwargs: Any) -> None:
        self._lent()
        super().copy_from(*args, **kwargs)

    def copy_to(self, *args: Any, **kwargs: Any) -> None:
        self._lent()
        super().copy_to(*args, **kwargs)

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        self._lent().left_state = True
        return super().callproc(*args, **kwargs)

    def _passed(self, parameters: Any) -> Any:
        """One row of executemany(), which may come from an iterator: there is one look at it."""
        if inlines_sql(parameters):
            self._connection().left_state = True
        return parameters

    def _note(self, error: Error) -> None:
        connection = self._connection()
        if error.pgcode == READ_ONLY:
            connection.refused_writing = True
        elif connection.closed and TERMINATED in str(error):
            connection.terminated = True

    def _lent(self) -> Any:
        """The connection, as long as it is lent to the holder who made this cursor."""
        connection: Any = self.connection
        if self.lease != connection.lease:
            raise given_back()
        return connection

    def _connection(self) -> Any:
        return self.connection


def _watch(connection: Any, query: Any, parameters: Any = None) -> None:
    if connection.left_state:
        return
    if not isinstance(query, str):
        query = text_of(query, connection)
    if leaves_state(query) or (parameters is not None and inlines_sql(parameters)):
        connection.left_state = True


def tracked(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of connect(), with which it makes what is tracked."""
    return {
        **params,
        "connection_factory": tracking(
            params.get("connection_factory", TrackedConnection), TrackedConnection
        ),
        "cursor_factory": tracking(params["cursor_factory"], TrackingCursor),
    }


@lru_cache
def tracking(base: type, tracker: type) -> type:
    """The user's own connection or cursor class, with tracking."""
    if issubclass(base, tracker):
        return base
    if issubclass(tracker, base):
        return tracker
    own: dict[str, Any] = {}
    if issubclass(tracker, TrackedConnection):
        # Its settings may be properties of the user's, its methods may reach psycopg2's below ours.
        own = {name: getattr(base, name) for name in _SETTINGS}
        own["changed"] = property(lambda _: True, lambda _, changed: None)
    return type(f"Tracking{base.__name__}", (tracker, base), own)
