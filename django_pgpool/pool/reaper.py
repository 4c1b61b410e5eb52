"""The background greenlet (in plain threads: a daemon thread) that does what no caller does.

It sleeps until the next moment something is due, and ends where nothing ever will be: an empty
pool costs no wake-ups and no greenlet. A killed reaper is replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .runtime import Parker, Runtime

NEVER = float("inf")
BLOCKED = 0.1
"""A sleeper that is woken so many seconds late was in a process that was blocked meanwhile."""
_RESTART_PAUSE = 0.1
"""Seconds before a reaper that was killed or crashed is replaced: it must not turn into a spin."""


class Reaper:
    """``step`` does all that is due and may switch; it is told how many seconds late it is.
    ``next_due`` is asked under the lock and tells when there is something to do again."""

    __slots__ = (
        "_clock",
        "_current",
        "_lock",
        "_next_due",
        "_parker",
        "_runtime",
        "_step",
        "wakes_at",
    )

    def __init__(
        self,
        runtime: Runtime,
        lock: threading.Lock,
        clock: Callable[[], float],
        step: Callable[[float], None],
        next_due: Callable[[float], float],
    ) -> None:
        self._runtime = runtime
        self._lock = lock
        self._clock = clock
        self._step = step
        self._next_due = next_due
        self._current: object | None = None
        """Stands for the run that is alive; a run that ends without clearing it has died."""
        self._parker: Parker | None = None
        self.wakes_at = NEVER
        """It will look at the pool at this moment at the latest."""

    def wake_at(self, moment: float) -> None:
        """Have it look at the pool no later than that. Never switches; not under the lock."""
        with self._lock:
            if moment >= self.wakes_at:
                return
            self.wakes_at = moment
            parker = self._parker
            run = None
            if self._current is None:
                run = self._current = object()
        if run is not None:
            self._start(run, 0.0)
        elif parker is not None:
            parker.wake()

    def wake(self) -> None:
        """Have it look now, if it is there. Never switches; not under the lock."""
        parker = self._parker
        if parker is not None:
            parker.wake()

    def _start(self, run: object, pause: float) -> None:
        try:
            self._runtime.spawn(lambda: self._run(run, pause), lambda: self._ended(run))
        except RuntimeError:  # no thread to be had: the next wake_at tries again
            with self._lock:
                self._current = None
                self.wakes_at = NEVER

    def _run(self, run: object, pause: float) -> None:
        parker = self._runtime.daemon_parker()
        if pause:
            parker.park(pause)
        while True:
            with self._lock:
                now = self._clock()
                # What comes up after the question was asked must find that it has to wake us.
                self.wakes_at = NEVER
                self.wakes_at = due = self._next_due(now)
                self._parker = parker
                if due == NEVER:
                    self._parker = self._current = None
                    return
            parker.park(due - now)
            self._step(self._clock() - max(due, now))

    def _ended(self, run: object) -> None:
        """Replace a run that was killed or has crashed. Runs in the hub under gevent."""
        with self._lock:
            if self._current is not run:
                return
            self._parker = None
            run = self._current = object()
        self._start(run, _RESTART_PAUSE)
