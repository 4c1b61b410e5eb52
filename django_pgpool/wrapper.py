"""Every override of Django's DatabaseWrapper there is, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.utils.asyncio import async_unsafe

from . import registry
from .drivers.psycopg2 import make_green
from .drivers.session import RESET, TrackedConnection, TrackingCursor, tracking
from .options import OWN_OPTIONS, libpq_seconds
from .patching import check_patching
from .pool import Pool, Slot

if TYPE_CHECKING:
    from django.db.backends.postgresql.base import DatabaseWrapper as Base
else:
    Base = object


class PooledMixin(Base):
    """Mixed into a PostgreSQL DatabaseWrapper: what it calls a connection comes from a pool.

    Names that Django owns are left alone: ``pool``, ``OPTIONS["pool"]``, ``_connection_pools``.
    """

    _slot: Slot | None = None
    """The slot this wrapper holds, of ``_slot_pool``; ``connection`` is its connection."""
    _slot_pool: Pool[Any]
    _lease = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_patching()
        super().__init__(*args, **kwargs)

    @property
    def pgpool(self) -> Pool[Any] | None:
        """The pool of this alias and these settings in this process; None where not pooled."""
        entry = registry.entry_for(self)
        return None if entry is None else entry.pool

    # ---- taking a connection

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        for name in OWN_OPTIONS:
            params.pop(name, None)
        if "connect_timeout" in params:
            params["connect_timeout"] = libpq_seconds(float(params["connect_timeout"]))
        return params

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        entry = registry.entry_for(self)
        if entry is None:
            make_green()
            return super().get_new_connection(conn_params)
        self._release()  # a connection that was taken off the wrapper without close()
        slot = entry.pool.acquire()
        self._slot, self._lease, self._slot_pool = slot, slot.lease, entry.pool
        self.isolation_level = entry.opener.isolation_level  # type: ignore[has-type]
        return slot.connection

    def open_connection(self) -> Any:
        """Open and configure a connection that is not this wrapper's: what Django does on each
        connect() and is the same each time, done once. For the pool."""
        params = self.get_connection_params()
        params["connection_factory"] = tracking(
            params.get("connection_factory", TrackedConnection), TrackedConnection
        )
        params["cursor_factory"] = tracking(params["cursor_factory"], TrackingCursor)
        connection = super().get_new_connection(params)
        try:
            connection.autocommit = True
            self._configure_connection(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def restore_connection(self, connection: Any) -> None:
        """Take a connection that is not this wrapper's back to the state open_connection() left it
        in, in one round trip (and another for ``assume_role``). For the pool."""
        with connection.cursor() as cursor:
            if self.timezone_name:
                cursor.execute(f"{RESET}; {self.ops.set_time_zone_sql()}", [self.timezone_name])
            else:
                cursor.execute(RESET)
        self._configure_connection(connection)

    @async_unsafe
    def connect(self) -> None:
        try:
            super().connect()
        except BaseException:
            # Killed or failed after the acquire: no half-initialized connection may stay.
            slot, self._slot = self._slot, None
            if slot is not None:
                self.connection = None
                self._slot_pool.evict(slot, self._lease)
            raise

    def _configure_connection(self, connection: Any) -> bool:
        if self._slot is not None:
            return False  # done once, when it was opened
        return bool(super()._configure_connection(connection))  # type: ignore[misc]  # stubs lack it

    @async_unsafe
    def ensure_connection(self) -> None:
        # psycopg2 closes a connection when a wait is interrupted (gevent.Timeout) or the server is
        # gone. Outside of transactions the next query gets another one.
        connection = self.connection
        if (
            connection is not None
            and connection.closed
            and self._slot is not None
            and self.autocommit
            and not self.in_atomic_block
        ):
            self.close()
        super().ensure_connection()

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        if (
            autocommit
            and self.connection is None
            and self.settings_dict["AUTOCOMMIT"]
            and not self.in_atomic_block
        ):
            # The connection was lost, and with it what there was to switch back: connect() begins
            # in autocommit mode. At the end of a broken atomic block Django would take another
            # connection for nothing, and waiting for it could replace the error under way.
            self.autocommit = True
            self.run_commit_hooks_on_set_autocommit_on = False
            return
        super().set_autocommit(autocommit, *args, **kwargs)

    # ---- giving it back

    def _close(self) -> None:
        if self._slot is None:
            super()._close()  # type: ignore[misc]  # stubs lack it
        else:
            self._release()

    def _release(self) -> None:
        slot, self._slot = self._slot, None
        if slot is None:
            return
        self.connection = None
        self._slot_pool.release(slot, self._lease)

    # ---- databases that come and go (tests)

    def close_pool(self) -> None:
        """Close the pools of this alias, and of others on the same database: Django is about to
        drop or copy it, or has changed the time zone."""
        registry.close_pools(self)
        super().close_pool()

    @contextmanager
    def _nodb_cursor(self) -> Iterator[Any]:
        # It falls back to a connection to a real database, which must not be a pooled one.
        options = {**self.settings_dict["OPTIONS"], "pool": False}
        unpooled = type(self)({**self.settings_dict, "OPTIONS": options}, self.alias)
        with super(PooledMixin, unpooled)._nodb_cursor() as cursor:
            yield cursor
