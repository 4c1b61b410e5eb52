"""A connection comes back when the greenlet or thread that holds it ends, however it ends.

Each keeps a guard in its local storage, which is cleared at its end: by gevent's link for a
Greenlet, by the interpreter for a thread, by garbage collection for a raw greenlet. The guard's
finalizer then gives back what is still held. It may run in the hub, in a dying thread or in the
middle of any other code: it takes no lock and does no I/O, that is for a greenlet of its own.

In a native thread of a patched process (gevent's thread pool) both have one: gevent keeps what is
local to the thread's first greenlet, and greenlets that the thread has begun may never end.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from contextvars import Context
from typing import Any
from weakref import ref

from gevent.monkey import get_original
from greenlet import getcurrent

from .pool import Pool, Slot
from .pool.runtime import is_main_thread
from .process import after_fork_in_child

_process = os.getpid()
"""Not this one, in a forked child, while the interpreter ends the threads of the parent there: that
comes first, before the pools are forgotten, and what those threads hold is the parent's."""


def _after_fork_in_child() -> None:
    global _process  # noqa: PLW0603  there is one
    _process = os.getpid()


after_fork_in_child(_after_fork_in_child)


_holds: set[ref[Hold]] = set()
"""All there are. Each reference takes itself out at the end of what it refers to."""


class Hold:
    """What one DatabaseWrapper holds at the moment: nothing where ``slot`` is None."""

    __slots__ = ("__weakref__", "lease", "owner", "pool", "slot", "wrapper")

    def __init__(self, wrapper: Any) -> None:
        self.pool: Pool[Any] | None = None
        self.slot: Slot | None = None
        self.lease = 0
        self.wrapper = ref(wrapper)
        self.owner = ref(getcurrent())
        """The greenlet that made it (of a plain thread: its main greenlet)."""
        _holds.add(ref(self, _holds.discard))
        # The main thread ends with the process.
        for local in (_greenlet_local,) if is_main_thread() else (_greenlet_local, _thread_local):
            guard = local.guard
            if guard is None:
                guard = local.guard = _Guard()
            guard.holds.add(ref(self, guard.holds.discard))

    def let_go(self) -> Slot | None:
        """What was held; from here on it is up to the caller to give it back."""
        slot, self.slot = self.slot, None
        return slot

    def reclaim(self) -> None:
        """Have it given back by a greenlet of its own. Never switches, takes no lock."""
        slot = self.let_go()
        if slot is not None and self.pool is not None and os.getpid() == _process:
            with suppress(Exception):  # a finalizer at the interpreter's exit
                self.pool.reclaim(slot, self.lease, self._context())

    def _context(self) -> Context | None:
        """A copy of the owner's context variables, also where it is dead. None: they are gone with
        it, or it is running in another thread."""
        with suppress(ValueError):
            if (owner := self.owner()) is not None and owner.gr_context is not None:
                return owner.gr_context.copy()
        return None

    def __del__(self) -> None:
        self.reclaim()  # the wrapper was dropped without close()


def holds() -> list[Hold]:
    """All of this process, of whichever pool, also those that hold nothing at the moment."""
    return [hold for reference in list(_holds) if (hold := reference()) is not None]


class _Guard:
    """Dies with its greenlet or thread."""

    def __init__(self) -> None:
        self.holds: set[ref[Hold]] = set()

    def __del__(self) -> None:
        for reference in list(self.holds):
            hold = reference()
            if hold is None or hold.slot is None:
                continue
            wrapper = hold.wrapper()
            # A wrapper that is shared with other threads may be in use by one of them.
            if wrapper is None or not wrapper.allow_thread_sharing:
                hold.reclaim()


class _GreenletLocal(threading.local):
    guard: _Guard | None = None


class _ThreadLocal(get_original("_thread", "_local")):  # type: ignore[misc]  # made at run time
    guard: _Guard | None = None


_greenlet_local = _GreenletLocal()
_thread_local = _ThreadLocal()
