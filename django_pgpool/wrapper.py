"""Every override of Django's DatabaseWrapper there is, and nothing else."""

from __future__ import annotations

import _thread
from asyncio import _get_running_loop
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import django.db.backends.base.base
from django.db.backends.base.base import RAN_DB_VERSION_CHECK, BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils.asyncio import async_unsafe
from greenlet import getcurrent

from . import registry
from .checks.server import Validation
from .drivers.chosen import is_libpq_parameter, make_green
from .options import OWN_OPTIONS, has_old_names, libpq_seconds, parse
from .owners import Hold
from .patching import check_patching
from .pool import Pool, Slot
from .redaction import hidden
from .registry import latest

if TYPE_CHECKING:
    Base = DatabaseWrapper
else:
    Base = object


@async_unsafe
def _refuse_async() -> None:
    """Raise SynchronousOnlyOperation in a running event loop; to be asked at a tenth of the cost
    with ``_get_running_loop() is not None`` first."""


def djangos_own(method: Any) -> Any:
    """None where somebody has put another in its place before this module was imported, as Sentry
    does where it is begun in the settings: that one wants to be called."""
    code = getattr(getattr(method, "__wrapped__", method), "__code__", None)  # may be any callable
    file = getattr(code, "co_filename", None)
    return method if file == django.db.backends.base.base.__file__ else None


_connect, _close = map(djangos_own, (BaseDatabaseWrapper.connect, BaseDatabaseWrapper.close))
_params, _get_new = DatabaseWrapper.get_connection_params, DatabaseWrapper.get_new_connection


class PooledMixin(Base):
    """Mixed into a PostgreSQL DatabaseWrapper: what it calls a connection comes from a pool.

    Names that Django owns are left alone: ``pool``, ``OPTIONS["pool"]``, ``_connection_pools``.
    """

    validation_class = Validation

    _hold: Hold | None = None
    """What this wrapper holds: ``connection`` is the connection of that slot."""
    _takes_the_short_way = True
    """Not where a subclass has its own idea of what the short way leaves out."""
    _has_params_of_django = _has_connecting_of_django = True
    """Not where a subclass has its own idea of them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        below: Any = super()
        cls._takes_the_short_way = (
            below.connect is _connect
            and below.close is _close
            and cls._close is PooledMixin._close
            and cls.get_new_connection is PooledMixin.get_new_connection
            and cls.set_autocommit is PooledMixin.set_autocommit
            and cls.validate_thread_sharing is PooledMixin.validate_thread_sharing
            and cls._set_autocommit is DatabaseWrapper._set_autocommit  # type: ignore[attr-defined]
            and cls.check_settings is DatabaseWrapper.check_settings
            and cls.init_connection_state is DatabaseWrapper.init_connection_state
        )
        cls._has_params_of_django = (
            cls.get_connection_params is PooledMixin.get_connection_params
            and below.get_connection_params is DatabaseWrapper.get_connection_params
        )
        cls._has_connecting_of_django = (
            cls.open_connection is PooledMixin.open_connection
            and below.get_new_connection is DatabaseWrapper.get_new_connection
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_patching()
        super().__init__(*args, **kwargs)

    @property
    def pgpool(self) -> Pool[Any] | None:
        """The pool of this alias and these settings in this process; None where not pooled."""
        entry = registry.entry_for(self)
        return None if entry is None else entry.pool

    def takes_params_of_django(self) -> bool:
        """Whether the settings alone decide on the driver's parameters, and not a subclass, or who
        has put a method of theirs in the place of Django's."""
        return self._has_params_of_django and DatabaseWrapper.get_connection_params is _params

    def connects_as_django(self) -> bool:
        """Whether only Django's own code sees the parameters when it connects."""
        return self._has_connecting_of_django and DatabaseWrapper.get_new_connection is _get_new

    # ---- taking a connection

    def get_connection_params(self) -> dict[str, Any]:
        self._refuse_other_pools()
        params = super().get_connection_params()
        for name in OWN_OPTIONS:
            params.pop(name, None)
        if "connect_timeout" in params:
            params["connect_timeout"] = libpq_seconds(self.alias, params["connect_timeout"])
        return hidden(params)

    def _refuse_other_pools(self) -> None:
        """Django's own message would be an invitation to install what this engine refuses."""
        if (options := self.settings_dict["OPTIONS"]).get("pool") or has_old_names(options):
            parse(self.alias, self.settings_dict, is_libpq_parameter)

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        entry = registry.entry_for(self)
        if entry is None:
            make_green()
            return super().get_new_connection(conn_params)
        return self._acquire(entry).connection

    def _acquire(self, entry: registry.Entry) -> Slot:
        hold = self._hold
        if hold is None:
            hold = self._hold = Hold(self)
        elif hold.slot is not None:
            self._release()  # a connection that was taken off the wrapper without close()
        slot = entry.pool.acquire()
        hold.pool, hold.lease, hold.slot = entry.pool, slot.lease, slot  # nothing gets in between
        if entry.options.held_warning is not None:
            entry.pool.note_holder(slot)
        self.isolation_level = entry.openers.isolation_level
        return slot

    def open_connection(self, params: dict[str, Any]) -> Any:
        """For the pool: Django's own way to one that is new, on a wrapper of the pool's openers."""
        return super().get_new_connection(params)

    def connect(self) -> None:
        if _get_running_loop() is not None:
            _refuse_async()
        try:
            cls = self.__class__
            entry = latest.get(self.alias)  # as in entry_for(), which each request would feel
            if (
                entry is None
                or entry.settings != self.settings_dict
                or entry.wrapper_class is not cls
            ):
                entry = registry.entry_for(self)
            if (
                entry is None
                or not cls._takes_the_short_way
                or BaseDatabaseWrapper.connect is not _connect  # it is being watched, by Sentry
            ):
                super().connect()
                return
            # Django's connect(), line by line, without what was done when the connection was opened
            # (parameters, the session's configuration) and what is so already (autocommit).
            settings = self.settings_dict
            if settings["TIME_ZONE"] is not None:
                self.check_settings()
            self.in_atomic_block = False
            self.savepoint_ids = []
            self.atomic_blocks = []
            self.needs_rollback = False
            self.health_check_enabled = settings["CONN_HEALTH_CHECKS"]
            self.closed_in_transaction = False
            self.errors_occurred = False
            self.health_check_done = True
            autocommit = settings["AUTOCOMMIT"]
            del settings  # tools that report an error with local variables would tell the password
            hold = self._hold
            if hold is None or hold.slot is not None or entry.options.held_warning is not None:
                slot: Slot = self._acquire(entry)
            else:  # as there, which each request would feel
                pool = entry.pool
                slot = pool.acquire()
                hold.pool, hold.lease, hold.slot = pool, slot.lease, slot
                self.isolation_level = entry.openers.isolation_level
            self.connection = slot.connection
            self.close_at = slot.acquired_at  # CONN_MAX_AGE is 0: parse() has seen to that
            if autocommit and not self.run_commit_hooks_on_set_autocommit_on:
                self.autocommit = True
            else:
                self.set_autocommit(autocommit)
            if self.alias not in RAN_DB_VERSION_CHECK:
                self.init_connection_state()
            if connection_created.receivers:
                connection_created.send(sender=cls, connection=self)
            self.run_on_commit = []
        except BaseException:
            # Killed or failed after the acquire: no half-initialized connection may stay.
            hold = self._hold
            if hold is not None and hold.pool is not None and (held := hold.let_go()) is not None:
                self.connection = None
                if held.lease == hold.lease:  # else it was lost before
                    hold.pool.evict(held, hold.lease)
            raise

    def _configure_connection(self, connection: Any) -> bool:
        if (hold := self._hold) is not None and hold.slot is not None:
            return False  # done once, when it was opened
        return bool(super()._configure_connection(connection))  # type: ignore[misc]  # stubs lack it

    def chunked_cursor(self) -> Any:
        cursor: Any = super().chunked_cursor()
        if self._holds_slot:
            # With psycopg Django makes it past the connection.
            self.connection.note_named(cursor.cursor)
        return cursor

    def close_if_health_check_failed(self) -> None:
        # Django calls it before each use. Outside of transactions a lost connection is replaced.
        # The question is that of _is_lost, whose calls each statement would feel.
        if self.settings_dict["OPTIONS"].get("pool"):
            self._refuse_other_pools()
        if (
            (connection := self.connection) is not None
            and (connection.closed or getattr(connection, "abandoned", False))
            and self._holds_slot
            and self.autocommit
            and not self.in_atomic_block
        ):
            self.close()
        if self.health_check_enabled:
            super().close_if_health_check_failed()

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        if autocommit and self.settings_dict["AUTOCOMMIT"] and not self.in_atomic_block:
            if self._is_lost:
                self.close()
            if self.connection is None:
                # With the connection went what there was to switch back: connect() begins in
                # autocommit mode. At the end of a broken atomic block Django would take another
                # connection for nothing, and an error of that would replace the one under way.
                self.autocommit = True
                self.run_commit_hooks_on_set_autocommit_on = False
                return
        super().set_autocommit(autocommit, *args, **kwargs)

    def _rollback(self) -> None:
        if self._is_lost and not self.settings_dict["AUTOCOMMIT"] and not self.in_atomic_block:
            self.close()  # with the connection went what there was to roll back
        else:
            super()._rollback()  # type: ignore[misc]  # stubs lack it

    # ---- giving it back

    def close(self) -> None:
        if (
            _get_running_loop() is not None
            or not self._takes_the_short_way
            or BaseDatabaseWrapper.close is not _close
        ):
            super().close()
            return
        # Django's close(), line by line; validate_thread_sharing() and _close() without a detour.
        if self._thread_ident != id(getcurrent()):  # type: ignore[attr-defined]  # stubs lack it
            self.validate_thread_sharing()
        self.run_on_commit = []
        if self.closed_in_transaction or self.connection is None:
            return
        try:
            hold = self._hold
            if hold is None or (slot := hold.slot) is None or slot.lease != hold.lease:
                self._close()
            else:  # as in _release(), which each request would feel
                pool: Any = hold.pool
                self.connection = None
                try:
                    pool.release(slot, hold.lease)
                finally:
                    if slot.lease != hold.lease:
                        hold.slot = None
        finally:
            if self.in_atomic_block:
                self.closed_in_transaction = True
                self.needs_rollback = True
            else:
                self.connection = None

    def _close(self) -> None:
        if not self._release():
            super()._close()  # type: ignore[misc]  # stubs lack it

    def _release(self) -> bool:
        """False where nothing is held."""
        hold = self._hold
        if hold is None or (slot := hold.slot) is None or hold.pool is None:
            return False
        self.connection = None
        try:
            if slot.lease == hold.lease:  # else it is the parent process's
                hold.pool.release(slot, hold.lease)
        finally:
            if slot.lease != hold.lease:  # else it was interrupted before it began
                hold.slot = None
        return True

    def validate_thread_sharing(self) -> None:
        # Django's two questions in reverse order: the other one takes a lock. And first of all what
        # gevent's get_ident() would answer, at a third of its cost.
        created_by = self._thread_ident  # type: ignore[attr-defined]  # stubs lack it
        if created_by != id(getcurrent()) and created_by != _thread.get_ident():
            super().validate_thread_sharing()

    @property
    def _is_lost(self) -> bool:
        """Whether the connection is closed, as it is when a wait was interrupted (gevent.Timeout)
        or the server is gone; or it is the parent process's, after a fork."""
        connection = self.connection
        return (
            connection is not None
            and self._holds_slot
            and bool(connection.closed or connection.abandoned)
        )

    @property
    def _holds_slot(self) -> bool:
        return self._hold is not None and self._hold.slot is not None

    # ---- databases that come and go (tests)

    def close_pool(self) -> None:
        """Close the pools of this alias, and of others on the same database: Django is about to
        drop or copy it, or has changed the time zone."""
        registry.close_pools(self)

    @contextmanager
    def _nodb_cursor(self) -> Iterator[Any]:
        # It falls back to a connection to a real database, which must not be a pooled one.
        options = {**self.settings_dict["OPTIONS"], "pool": False}
        unpooled = type(self)({**self.settings_dict, "OPTIONS": options}, self.alias)
        with super(PooledMixin, unpooled)._nodb_cursor() as cursor:
            yield cursor
