"""A connection comes back when the greenlet or thread that holds it ends, however it ends.

Each keeps a guard in its local storage, which is cleared at its end: by gevent's link for a
Greenlet, by the interpreter for a thread, by garbage collection for a raw greenlet. The guard's
finalizer then gives back what is still held. It may run in the hub, in a dying thread or in the
middle of any other code: it takes no lock and does no I/O, that is for a greenlet of its own.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet, ref

from .pool import Pool, Slot


_process = os.getpid()
"""Not this one, in a forked child, while the interpreter ends the threads of the parent there: that
comes first, before the pools are forgotten, and what those threads hold is the parent's."""


def _after_fork_in_child() -> None:
    global _process  # noqa: PLW0603  there is one
    _process = os.getpid()


os.register_at_fork(after_in_child=_after_fork_in_child)


class Hold:
    """What one DatabaseWrapper holds at the moment: nothing where ``slot`` is None."""

    __slots__ = ("__weakref__", "lease", "pool", "slot", "wrapper")

    def __init__(self, wrapper: Any) -> None:
        self.pool: Pool[Any] | None = None
        self.slot: Slot | None = None
        self.lease = 0
        self.wrapper = ref(wrapper)
        _guard().holds.add(self)

    def let_go(self) -> Slot | None:
        """What was held; from here on it is up to the caller to give it back."""
        slot, self.slot = self.slot, None
        return slot

    def reclaim(self) -> None:
        """Have it given back by a greenlet of its own. Never switches, takes no lock."""
        slot = self.let_go()
        if slot is not None and self.pool is not None and os.getpid() == _process:
            with suppress(Exception):  # a finalizer at the interpreter's exit
                self.pool.reclaim(slot, self.lease)

    def __del__(self) -> None:
        self.reclaim()  # the wrapper was dropped without close()


class _Guard:
    """Dies with its greenlet or thread."""

    def __init__(self) -> None:
        self.holds: WeakSet[Hold] = WeakSet()

    def __del__(self) -> None:
        for hold in list(self.holds):
            wrapper = hold.wrapper()
            # A wrapper that is shared with other threads may be in use by one of them.
            if wrapper is None or not wrapper.allow_thread_sharing:
                hold.reclaim()


class _Local(threading.local):
    guard: _Guard | None = None


_local = _Local()


def _guard() -> _Guard:
    guard = _local.guard
    if guard is None:
        guard = _local.guard = _Guard()
    return guard
