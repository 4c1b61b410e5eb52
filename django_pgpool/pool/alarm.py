"""One timer for all greenlets that wait at a pool: time runs out for them in the order in which
they have joined the queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

LONGEST_SLEEP = 1e6
"""Seconds; a timer takes no infinity."""
AGAIN = 0.5
"""Seconds."""
NOT_MET: Any = object()


class Alarm:
    """Wakes those in ``queue`` whose time is up by ``clock``, as far as they sleep by it.

    Who sleeps by it has entered itself as ``Parker.alarm`` and its end as ``due`` and ``latest``,
    counts as one of the ``sleepers`` and has seen to it that there is a timer. The last who wakes
    up removes that: it keeps the loop alive, as a timer of each sleeper would.

    All this in the greenlets of one hub, the main thread's. Others may change the queue meanwhile.
    """

    __slots__ = ("_clock", "_queue", "hub", "latest", "run_callback", "sleepers", "thread", "timer")

    def __init__(self, queue: deque[Any], clock: Callable[[], float]) -> None:
        self._queue = queue
        self._clock = clock
        self.hub: Any = NOT_MET
        self.thread = 0
        self.run_callback: Callable[..., object] = NOT_MET
        """The hub's."""
        self.timer: Any = None
        self.sleepers = 0
        self.latest = 0.0
        """The latest end of all: nobody with an earlier one sleeps by it."""

    def meet(self, hub: Any) -> None:
        """It is for those of this hub, from the next one on, if the hub is the main thread's."""
        if self.hub is NOT_MET and hub.main_hub:
            self.thread = hub.thread_ident
            self.run_callback = hub.loop.run_callback
            self.hub = hub

    def set(self, seconds: float) -> None:
        """Let it ring in so many seconds, and not before."""
        # Repeated, should a signal handler's exception end the ringing.
        timer = self.hub.loop.timer(min(max(seconds, 0.0), LONGEST_SLEEP), AGAIN)
        timer.start(self._ring)
        old, self.timer = self.timer, timer
        if old is not None:
            old.close()

    def unset(self) -> None:
        """Let it not ring."""
        old, self.timer, self.latest = self.timer, None, 0.0
        if old is not None:
            old.close()

    def _ring(self) -> None:
        """In the hub."""
        now = self._clock()
        for waiter in list(self._queue):  # which other threads may shorten meanwhile
            if waiter.alarm is self:
                if waiter.due > now:
                    self.set(waiter.due - now)
                    return
                waiter.wake()
        self.unset()
