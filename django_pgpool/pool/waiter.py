"""One queued caller, and the first-in-first-out queue of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .runtime import Parker
    from .slot import Slot


class Waiter:
    """Its record decides what became of the caller, never the way its park ended.

    ``slot`` and ``error`` are written under the pool's lock, once, by whoever takes the waiter out
    of the queue; ``queued`` is True until then, or until the caller leaves without either.
    """

    __slots__ = ("error", "parker", "queued", "queued_at", "slot")

    def __init__(self, parker: Parker, now: float) -> None:
        self.parker = parker
        self.queued_at = now
        self.slot: Slot | None = None
        self.error: BaseException | None = None
        self.queued = False


class WaitQueue:
    """First in, first out. Leaving from the middle is O(1): who is gone is skipped later.

    Callers hold the pool's lock.
    """

    __slots__ = ("_queue", "length")

    def __init__(self) -> None:
        self._queue: deque[Waiter] = deque()
        self.length = 0
        """Exact: the callers who still wait."""

    def append(self, waiter: Waiter) -> None:
        waiter.queued = True
        self.length += 1
        self._queue.append(waiter)

    def popleft(self) -> Waiter:
        """Take out the oldest who still waits. Raises IndexError where there is none."""
        while True:
            waiter = self._queue.popleft()
            if waiter.queued:
                waiter.queued = False
                self.length -= 1
                return waiter

    def leave(self, waiter: Waiter) -> None:
        """Forget a waiter that is still queued."""
        waiter.queued = False
        self.length -= 1
        # The gone are at most as many as the living, plus a few: memory stays in proportion and
        # the cost of compacting is spread over the departures that made it necessary.
        if len(self._queue) > 2 * self.length + 32:
            self._queue = deque(w for w in self._queue if w.queued)
