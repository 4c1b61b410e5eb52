"""The pools of this process, by alias and connection parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS

from .drivers.chosen import Driver, abandon_all, end, is_libpq_parameter
from .observers.structlog import log_event
from .openers import Openers, copy_of, database_of, settings_key
from .options import PoolOptions, is_pooled, parse
from .patching import check_patching
from .pool import Pool, Snapshot
from .pool.runtime import allocate_lock
from .process import after_fork_in_child, at_exit

if TYPE_CHECKING:
    from .wrapper import PooledMixin

PING_AFTER = 1.0
"""With CONN_HEALTH_CHECKS a connection that was idle for so many seconds is pinged first."""


@dataclass(slots=True)
class Entry:
    pool: Pool[Any]
    settings: dict[str, Any] = field(repr=False)
    """Copy of the settings that last led here; equal settings find it by one comparison."""
    source: dict[str, Any] = field(repr=False)
    """The dictionary itself: what is in it now may be newer."""
    options: PoolOptions
    wrapper_class: type[PooledMixin]
    openers: Openers


_entries: dict[tuple[Any, ...], Entry] = {}
latest: dict[str, Entry] = {}
"""By alias: what the last look-up found. Only to be read elsewhere."""
_pools: WeakSet[Pool[Any]] = WeakSet()
"""Also those that nobody is led to any more, as long as somebody holds a connection of theirs."""
_watchers: list[Callable[[Pool[Any]], None]] = []
_lock = allocate_lock()
_abandoned: list[Any] = []
"""Connections of the parent process, never freed."""


def entry_for(wrapper: PooledMixin) -> Entry | None:
    """The pool for a wrapper's alias and settings, made where there is none yet.

    None where the wrapper is not to be pooled. Raises ImproperlyConfigured.
    """
    entry = latest.get(wrapper.alias)
    if (
        entry is not None
        and entry.settings == wrapper.settings_dict
        and entry.wrapper_class is type(wrapper)
    ):
        return entry
    if wrapper.alias == NO_DB_ALIAS or not is_pooled(wrapper.settings_dict["OPTIONS"]):
        return None
    check_patching()
    source = wrapper.settings_dict
    key = _key(wrapper)
    outdated: list[Pool[Any]] = []
    with _lock:
        entry = _entries.get(key)
        if entry is None:
            entry = _make_entry(wrapper)
            _pools.add(entry.pool)
            for watcher in _watchers:
                watcher(entry.pool)
            # The same dictionary with other contents: it was edited, nobody new for its old pool.
            outdated = _forget(
                lambda other: other.source is source and other.pool.name == wrapper.alias
            )
            _entries[key] = entry
        entry.settings, entry.source = copy_of(source), source
        latest[wrapper.alias] = entry
    for pool in outdated:
        pool.retire()
    return entry


def get_pool(alias: str = "default") -> Pool[Any]:
    """The pool of an alias, for ``drain()``, ``resize()`` and ``snapshot()``.

    Raises ImproperlyConfigured where the alias does not use this engine, or not pooled.
    """
    pool = getattr(connections[alias], "pgpool", None)
    if not isinstance(pool, Pool):
        raise ImproperlyConfigured(f"DATABASES[{alias!r}] is not pooled by django_pgpool.")
    return pool


def stats() -> tuple[Snapshot, ...]:
    """The numbers of every pool of this process; those that have ended are among them as long as
    they have connections. Opens no connection."""
    with _lock:
        pools = {entry.pool: None for entry in _entries.values()}
        ended = [pool for pool in _pools if pool not in pools]
    snapshots = [pool.snapshot() for pool in ended]
    return (
        *(pool.snapshot() for pool in pools),
        *(snapshot for snapshot in snapshots if snapshot.size),
    )


def entries() -> list[Entry]:
    """What leads to the pools of this process."""
    with _lock:
        return list(_entries.values())


def watch(watcher: Callable[[Pool[Any]], None]) -> None:
    """Have it told, once, of every pool of this process, those that are made later included; in a
    forked child, of those that are made there. It must not switch: it is called under a lock."""
    with _lock:
        _watchers.append(watcher)
        for pool in list(_pools):
            watcher(pool)


def close_pools(wrapper: PooledMixin) -> None:
    """Close the pools of a wrapper's alias, of its mirrors in tests, and all that lead to the same
    database."""
    alias, database = wrapper.alias, database_of(wrapper.settings_dict)
    with _lock:
        pools = _forget(
            lambda entry: (
                entry.pool.name == alias
                or database_of(entry.settings) == database
                # Which Django has led to this database, by another name of the server.
                or entry.settings.get("TEST", {}).get("MIRROR") == alias
            )
        )
    for pool in pools:
        pool.close()


def _make_entry(wrapper: PooledMixin) -> Entry:
    settings = copy_of(wrapper.settings_dict)
    options = parse(wrapper.alias, settings, is_libpq_parameter)
    cls = type(wrapper)
    openers = Openers(cls, wrapper.alias, options.connect_timeout)

    driver = Driver(
        lambda: openers.open(entry.source, entry.settings),
        reset=options.reset,
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        cancel_timeout=options.cancel_timeout,
    )
    pool = _pool_class(options)(
        driver,
        name=wrapper.alias,
        maxsize=options.maxsize,
        maxwait=options.maxwait,
        expires=options.expires,
        cleanup=options.cleanup,
        minsize=options.minsize,
        maxwaiting=options.maxwaiting,
        held_warning=options.held_warning,
        ping_after=PING_AFTER if settings["CONN_HEALTH_CHECKS"] else None,
        observers=[log_event],
    )
    entry = Entry(pool, settings, wrapper.settings_dict, options, cls, openers)
    return entry


def _pool_class(options: PoolOptions) -> Callable[..., Pool[Any]]:
    if options.stats_interval is None:
        return Pool
    from .pool.measured import MeasuredPool  # which needs what is installed with an extra

    return partial(MeasuredPool, stats_interval=options.stats_interval)


def _key(wrapper: PooledMixin) -> tuple[Any, ...]:
    return (wrapper.alias, type(wrapper), *settings_key(wrapper.settings_dict))


def _forget(which: Callable[[Entry], bool]) -> list[Pool[Any]]:
    """Lead nobody to these pools any more; the caller closes them, outside the lock."""
    keys = [key for key, entry in _entries.items() if which(entry)]
    pools = [_entries.pop(key).pool for key in keys]
    for alias in [alias for alias, entry in latest.items() if entry.pool in pools]:
        del latest[alias]
    return pools


def _at_exit() -> None:
    with _lock:
        _forget(lambda _: True)
        pools = list(_pools)
    end([connection for pool in pools for connection in pool.close_idle()])


def _after_fork_in_child() -> None:
    """The parent's connections stay the parent's: not a byte on their sockets."""
    global _lock  # noqa: PLW0603  another thread of the parent may have held it
    _abandoned.extend(abandon_all())  # first: nothing else holds those of pools that are forgotten
    _lock = allocate_lock()
    _forget(lambda _: True)
    for pool in list(_pools):
        pool.forget()
    _pools.clear()


at_exit(_at_exit)
after_fork_in_child(_after_fork_in_child)
