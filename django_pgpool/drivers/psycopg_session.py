"""psycopg's connection and cursors, with what the pool needs to know of each holder.

Tracking is by the text of the statements that pass through the cursors. It costs a look-up per
statement and no round trip.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from typing import Any

import psycopg
from psycopg import Error, OperationalError
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict

from ..pool.runtime import gevent_has_patched
from .cancel import cancel
from .ending import give_up, hang_up
from .failures import READ_ONLY, TERMINATED, UNPREPARED
from .lent import Lent, every, given_back, text_of
from .psycopg_waiting import opened, ready
from .statements import leaves_state

_PREFIXES = ("connection failed: ", "connection is bad: ")
"""Of an error of opening; then comes what libpq says."""


def _noted(name: str) -> property:
    """A setting of psycopg's connection, of which is noted that somebody has set it."""
    setting = getattr(psycopg.Connection, name)

    def change(connection: TrackedConnection, value: Any) -> None:
        connection.changed = True
        setting.__set__(connection, value)

    return property(setting.__get__, change)


class NotedAdapters(AdaptersMap):
    """Of which is noted that somebody has registered something."""

    changed = False

    def register_dumper(self, *args: Any, **kwargs: Any) -> None:
        self.changed = True
        super().register_dumper(*args, **kwargs)

    def register_loader(self, *args: Any, **kwargs: Any) -> None:
        self.changed = True
        super().register_loader(*args, **kwargs)


def _in_libpqs_words(error: Error, conninfo: str = "") -> str:
    """As libpq says it where it has found the address of a host by itself."""
    said = str(error)
    for prefix in _PREFIXES:
        said = said.removeprefix(prefix)
    given = conninfo_to_dict(conninfo)
    host, address = given.get("host"), given.get("hostaddr")
    if host and address and host != address:
        return said.replace(f' at "{address}", port', f' at "{host}" ({address}), port')
    return said


class TrackedConnection(Lent, psycopg.Connection[Any]):
    _pool = None
    """psycopg's sign for a connection that somebody cares for: its end needs no warning."""
    entangled = False
    """Whether somebody may have begun what he has to end himself: a pipeline, transaction(),
    notifies() or copy(), or may have left a handler."""
    waits = False
    """Whether somebody is waiting for the server."""
    configured: AdaptersMap
    """The adapters as they are for each holder."""
    prepare_threshold, prepared_max = map(_noted, ("prepare_threshold", "prepared_max"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        every[id(self)] = self
        self.lock = threading.Lock()  # psycopg's is not gevent's where it was imported before
        self._green = gevent_has_patched()

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = super()._connect_gen(*args, **kwargs)
        try:
            if gevent_has_patched():
                return opened(steps)
            return (yield from steps)
        except OperationalError as error:
            # Without psycopg's own: that holds the parameters, the password among them.
            raise type(error)(_in_libpqs_words(error, *args)) from None

    def __repr__(self) -> str:
        # psycopg's own shows host, user and database, where somebody may have put a URL.
        pid = None if self.closed else self.pgconn.backend_pid
        return f"<{type(self).__name__} pid={pid} closed={self.closed}>"

    @property
    def pgconn_ptr(self) -> int | None:
        """libpq's own connection."""
        pointer: int | None = self.pgconn.pgconn_ptr
        return pointer

    def get_transaction_status(self) -> int:
        """As libpq has it."""
        return int(self.pgconn.transaction_status)

    def is_waited_for(self) -> bool:
        """Whether somebody is in the midst of a wait for the server."""
        return self.waits

    # ---- waiting

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Until the server has said what ``gen`` needs.

        Raises OperationalError after ``read_timeout`` seconds of silence.
        """
        self.waits = True
        try:
            if args or kwargs or not self._green:  # notifies(), which has a time limit of its own
                return super().wait(gen, *args, **kwargs)
            descriptor = self.pgconn.socket
            events = next(gen)
            while True:
                events = gen.send(self._ready(gen, descriptor, events))
        except StopIteration as done:
            return done.value
        finally:
            self.waits = False

    def _ready(self, gen: Any, descriptor: int, events: int) -> int:
        try:
            found = ready(descriptor, events, self.read_timeout)
        except BaseException:
            self._lose(gen)
            raise
        if not found:
            self._lose(gen)
            raise OperationalError(
                f"the server sent nothing for read_timeout={self.read_timeout:g} s"
            )
        return found

    def _lose(self, gen: Any) -> None:
        """A wait was interrupted: who would read the rest of the answer?"""
        try:
            with suppress(Error):
                if self.pgconn.pipeline_status:
                    # The server, once idle, would not answer a cancel. No Sync: that is a commit.
                    self.pgconn.send_flush_request()
                    self.pgconn.flush()
            give_up(self)
        finally:
            self.pgconn.finish()
            for cursor in self._named or ():
                cursor._close()  # without the lock, which this wait is in
            if self.lost is not None:
                self.lost()
            with suppress(Error):  # a pipeline's wants to send its end, here on what is closed
                gen.close()

    def close(self) -> None:
        if self.waits and self.cancel_timeout is not None and not self.abandoned:
            cancel(self, self.cancel_timeout)
        if self.waits and not self.abandoned:
            hang_up(self)  # to close the descriptor would leave whoever waits for it there for ever
        else:
            super().close()

    # ---- what is noted

    def cursor(self, name: str = "", **kwargs: Any) -> Any:
        cursor = super().cursor(name, **kwargs)
        if isinstance(cursor, Tracking):
            cursor.lease = self.lease
        elif name:
            self.note_named(cursor)
        else:
            self.left_state = True  # it may do anything, unseen
        return cursor

    def _close_named(self, cursor: Any) -> None:
        with suppress(Error):  # the server may not know it any more
            cursor.close()
        cursor._close()

    def note(self, error: Error) -> None:
        """What an error tells about the server."""
        if error.sqlstate == READ_ONLY:
            self.refused_writing = True
        elif error.sqlstate in UNPREPARED:
            self.left_state = True  # else it would fail for each later holder, too
        elif self.closed and TERMINATED in str(error):
            self.terminated = True

    def set_autocommit(self, value: bool) -> None:
        self.changed = True
        super().set_autocommit(value)

    def set_isolation_level(self, value: Any) -> None:
        self.changed = True
        super().set_isolation_level(value)

    def set_read_only(self, value: bool | None) -> None:
        self.changed = True
        super().set_read_only(value)

    def set_deferrable(self, value: bool | None) -> None:
        self.changed = True
        super().set_deferrable(value)

    def pipeline(self) -> Any:
        self.entangled = True
        return super().pipeline()

    def transaction(self, *args: Any, **kwargs: Any) -> Any:
        self.entangled = True
        return super().transaction(*args, **kwargs)

    def notifies(self, *args: Any, **kwargs: Any) -> Any:
        self.entangled = True
        return super().notifies(*args, **kwargs)

    def add_notice_handler(self, callback: Any) -> None:
        self.entangled = True
        super().add_notice_handler(callback)

    def add_notify_handler(self, callback: Any) -> None:
        self.entangled = True
        super().add_notify_handler(callback)


class Tracking:
    """Mixed into a cursor class."""

    _conn: Any
    lease = 0

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        connection = self._conn  # as in _watch(), which each statement would feel
        if self.lease != connection.lease:
            raise given_back()
        if not connection.left_state and (
            type(query) is not str or leaves_state(query)  # known at a glance, as a rule
        ):
            self._watch(query)
        try:
            return super().execute(query, params, **kwargs)  # type: ignore[misc]  # a cursor's
        except Error as error:
            connection.note(error)
            raise

    def executemany(self, query: Any, params_seq: Any, **kwargs: Any) -> None:
        self._watch(query)
        with self._noting():
            super().executemany(query, params_seq, **kwargs)  # type: ignore[misc]  # a cursor's

    def stream(self, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self._watch(query)
        with self._noting():
            yield from super().stream(query, *args, **kwargs)  # type: ignore[misc]  # a cursor's

    @contextmanager
    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self._watch(statement)
        self._conn.entangled = True  # once all is read the server is idle, the lock still taken
        copying = super().copy(statement, *args, **kwargs)  # type: ignore[misc]  # a cursor's
        with self._noting(), copying as copy:
            yield copy

    def _watch(self, query: Any) -> None:
        connection = self._conn
        if self.lease != connection.lease:
            raise given_back()
        if connection.left_state:
            return
        if not isinstance(query, str):
            query = text_of(query, connection)
        connection.left_state = leaves_state(query)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except Error as error:
            self._conn.note(error)
            raise


_BEGINNINGS = (
    "_execute_gen",
    "_executemany_gen_no_pipeline",
    "_executemany_gen_pipeline",
    "_start_copy_gen",
    "_stream_send_gen",
)
"""What psycopg calls with the connection's lock taken. Who waited for that, with a cursor that
greenlets share, may have lost the connection meanwhile."""


@lru_cache
def tracking(base: type) -> type:
    """A cursor class, with tracking."""
    if issubclass(base, Tracking):
        return base
    methods = {name: _if_lent(getattr(base, name)) for name in _BEGINNINGS if hasattr(base, name)}
    return type(f"Tracking{base.__name__}", (Tracking, base), methods)


def _if_lent(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def begin(cursor: Any, *args: Any, **kwargs: Any) -> Any:
        if cursor.lease != cursor._conn.lease:
            raise given_back()
        return method(cursor, *args, **kwargs)

    return begin
