"""How callers park and how background work runs: under gevent, or in plain threads.

The lock is a native one in both: it is held for microseconds and nothing switches while it is
held, so in a process with one thread it is never contended, and greenlets of several threads
(gevent's thread pool) may share a pool.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import gevent.hub
from gevent import Greenlet, get_hub
from gevent.hub import Waiter as HubWaiter
from gevent.monkey import get_original, is_module_patched

from .doorbell import DESTROYED, Doorbell

if TYPE_CHECKING:
    from .alarm import Alarm
    from .slot import Slot

allocate_lock: Callable[[], threading.Lock] = get_original("_thread", "allocate_lock")
get_ident: Callable[[], int] = get_original("_thread", "get_ident")
_start_new_thread: Callable[..., int] = get_original("_thread", "start_new_thread")
_MAIN_THREAD: int = gevent.hub.MAIN_THREAD_IDENT  # type: ignore[attr-defined]  # stubs lack it


class Parker(Protocol):
    """Lets one caller sleep until it is woken. A wake before the park is not lost.

    It carries the record of a caller who waits for a connection. That decides what became of the
    caller, never the way in which the sleep ended: whoever takes it out of the queue settles it
    at the same moment; who leaves the queue takes it out unsettled. Set by those who queue.
    """

    slot: Slot | None
    error: BaseException | None
    queued_at: float
    """Clock reading."""
    alarm: Alarm | None
    """What ends its first sleep at ``due``, by the pool's clock; None: a timer of its own."""
    due: float

    def park(self, seconds: float) -> None:
        """Sleep until woken, at most so many seconds. May also end early, without a reason."""

    def wake(self) -> None:
        """End the sleep. From any greenlet or thread; never switches; may be repeated."""


class Runtime(Protocol):
    @property
    def main_parker(self) -> Callable[[], Parker]:
        """What ``parker`` makes in the main thread, where it was called before: cheaper."""

    def parker(self) -> Parker:
        """For the calling greenlet or thread."""

    def daemon_parker(self) -> Parker:
        """The same; the sleep does not keep the loop alive."""

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        """Run ``work`` on its own, whatever becomes of the caller. ``ended`` is called at its end,
        however it ended, and even if it never began. ``ended`` must not switch."""


doorbell = Doorbell()


class GeventParker(HubWaiter):  # type: ignore[type-arg]  # only generic in the stubs
    """For a greenlet of the main thread, whose hub has the doorbell. Without an ``__init__`` and a
    dictionary: one is made for each caller who waits."""

    __slots__ = ("alarm", "due", "error", "queued_at", "slot")
    slot: Slot | None
    error: BaseException | None
    queued_at: float
    alarm: Alarm | None
    due: float
    keeps_loop_alive = True

    def park(self, seconds: float) -> None:
        timer = self.hub.loop.timer(seconds if seconds > 0 else 0.0, ref=self.keeps_loop_alive)
        timer.start(self.switch, None)
        try:
            self.get()
        finally:
            timer.close()
            self.clear()

    def wake(self) -> None:
        # A HubWaiter switches only into a greenlet that still sits in its own get(): a wake that
        # arrives after the sleeper was killed is harmless.
        hub = self.hub
        loop: Any = hub.loop
        if loop is None:
            return  # the hub was destroyed, and who slept in it
        if hub.thread_ident == get_ident():
            loop.run_callback(self.switch, None)
        else:
            doorbell.ring(self.switch)


class DaemonParker(GeventParker):
    __slots__ = ()
    keeps_loop_alive = False


class OtherParker(GeventParker):
    """For a greenlet of any other thread. A bell of its own, and only while it sleeps: such a
    thread, and its hub, may end without a word."""

    __slots__ = ("_bell", "_lock", "_woken")

    def __init__(self) -> None:
        super().__init__()
        self._woken = False
        self._bell: Any = None
        self._lock = allocate_lock()
        """Nobody rings a bell that is being closed."""

    def park(self, seconds: float) -> None:
        bell = self.hub.loop.async_()
        try:
            bell.start(self.switch, None)
            self._bell = bell
            if not self._woken:
                super().park(seconds)
        finally:
            with self._lock:
                self._bell = None
            bell.close()
            self._woken = False

    def wake(self) -> None:
        self._woken = True
        with self._lock:
            if self._bell is not None:
                with suppress(*DESTROYED):
                    self._bell.send()


class _Work(Greenlet):  # type: ignore[type-arg]  # only generic in the stubs
    spawning_stack_limit = 0  # to note where it was begun takes as long as to begin it


class GeventRuntime:
    main_parker = GeventParker

    def parker(self) -> GeventParker:
        return _fitting(GeventParker())

    def daemon_parker(self) -> GeventParker:
        # Only the main thread's loop is kept alive by others: a loop of our own would end at once.
        return _fitting(DaemonParker())

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        if is_main_thread():
            greenlet = _Work(work)
            # A greenlet killed before its first switch never runs its `finally`; its link does.
            greenlet.rawlink(lambda _: ended())
            greenlet.start()
        else:
            # The loop of another thread turns only while that thread waits: work begun there
            # could be left half done. A thread of its own finishes it.
            _start_new_thread(_run_with_own_hub, (work, ended))


def _fitting(parker: GeventParker) -> GeventParker:
    """It, or what another thread than the main one needs."""
    hub: Any = parker.hub
    if not hub.main_hub:
        return OtherParker()
    doorbell.hang(hub)
    return parker


def _run(work: Callable[[], None], ended: Callable[[], None]) -> None:
    try:
        work()
    finally:
        ended()


def _run_with_own_hub(work: Callable[[], None], ended: Callable[[], None]) -> None:
    try:
        _run(work, ended)
    finally:
        get_hub().destroy(destroy_loop=True)


class ThreadParker:
    __slots__ = ("_lock", "alarm", "due", "error", "queued_at", "slot")
    slot: Slot | None
    error: BaseException | None
    queued_at: float
    alarm: Alarm | None
    due: float
    hub = None

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def park(self, seconds: float) -> None:
        self._lock.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))

    def wake(self) -> None:
        with suppress(RuntimeError):  # not locked: woken already
            self._lock.release()


class ThreadRuntime:
    main_parker = parker = daemon_parker = ThreadParker

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        if gevent_has_patched():  # since: it has to be a real thread all the same
            _start_new_thread(_run, (work, ended))
        else:
            name = "django_pgpool"
            threading.Thread(target=_run, args=(work, ended), name=name, daemon=True).start()


def is_main_thread() -> bool:
    """As gevent sees it. Asked without a hub, which would be made for a thread that is ending."""
    return get_ident() == _MAIN_THREAD


def gevent_has_patched() -> bool:
    """Whether this process runs its threads as greenlets."""
    return bool(is_module_patched("threading"))


def current_runtime() -> Runtime:
    return GeventRuntime() if gevent_has_patched() else ThreadRuntime()
