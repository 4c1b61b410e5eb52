"""What the state of a pool calls for: whom to open connections for, whom to fail.

Invariants, true whenever the lock is free:

* ``len(_slots)`` is the size: it counts a slot from the decision to open until it is closed, and
  never exceeds ``maxsize`` (after a resize to less: does not grow until it is back below);
* idle slots imply that nobody waits, or that the last who joined the queue is about to see to it;
* where somebody waits and there is room, an opening is in flight, or the reaper will look again;
* a slot that is in use belongs to one caller, or to a waiter's record.

Critical sections never switch greenlets, do I/O, log or call observers: they decide, and what they
have decided is done after them. Whoever runs here may be killed wherever it can switch.
"""

from __future__ import annotations

from typing import NamedTuple

from .driver import C
from .errors import fresh
from .ledger import Ledger
from .reaper import NEVER, Reaper
from .runtime import Parker
from .slot import Slot


class Errands(NamedTuple):
    """Decided under the lock, carried out after it."""

    open: list[Slot]
    fail: list[Parker]
    look_again_at: float


class Deciding(Ledger[C]):
    """Methods marked *(locked)* are called with the lock held."""

    _reaper: Reaper

    def _decide(self, now: float) -> Errands:
        """What the state of the pool calls for; reserves the slots to open. *(locked)*"""
        opening, size, growth = self._opening, len(self._slots), self._growth
        uncovered = max(len(self._queue) - opening, self.minsize - size)
        if uncovered <= 0 or self._closed:
            return NOTHING
        if size >= self.maxsize and (opening or self._in_use):
            return NOTHING  # who waits is served by the next release, or by the opening's end
        wanted = min(uncovered, growth.allowed(now, opening), self.maxsize - size)
        slots = [self._reserve(now) for _ in range(wanted)]
        if not growth.failures:
            return Errands(slots, [], NEVER) if slots else NOTHING  # what ends next decides anew
        failed: list[Parker] = []
        waiting = len(self._queue)
        if waiting and not self._in_use and not self._opening and growth.hopeless(now):
            failed = self._fail_waiters(now, waiting, growth.error)
        return Errands(slots, failed, self._look_again_at())

    def _look_again_at(self) -> float:
        """When ``_decide`` may find more to do though nothing has happened. *(locked)*"""
        size, growth = len(self._slots), self._growth
        uncovered = max(len(self._queue) - self._opening, self.minsize - size)
        paused = growth.failures and self._opening < growth.ramp
        if self._closed or uncovered <= 0 or size >= self.maxsize or not paused:
            return NEVER  # what happens next decides anew by itself
        return growth.retry_at

    def _reserve(self, now: float) -> Slot:
        slot = Slot(now)
        self._slots.add(slot)
        self._opening += 1
        return slot

    def _fail_waiters(self, now: float, number: int, error: BaseException | None) -> list[Parker]:
        """Settle the oldest so many with an error, each with one of its own; the caller wakes
        them. *(locked)*"""
        failed: list[Parker] = []
        queue = self._queue
        while queue and len(failed) < number:
            own = fresh(error)
            if queue:  # from here on no other thread and no signal handler gets in
                waiter = queue[0]
                del queue[0]
                waiter.error = own
                self._waited(now - waiter.queued_at)
                failed.append(waiter)
        return failed

    def _waited(self, seconds: float) -> None:
        self._wait_seconds += seconds
        if seconds > self._wait_seconds_max:
            self._wait_seconds_max = seconds

    def _carry_out(self, errands: Errands) -> None:
        """Never switches."""
        if errands is NOTHING:
            return
        for waiter in errands.fail:
            waiter.wake()
        for slot in errands.open:
            self._spawn_opening(slot)
        if errands.look_again_at < self._reaper.wakes_at:
            self._reaper.wake_at(errands.look_again_at)

    def _spawn_opening(self, slot: Slot) -> None:
        """Open a connection in a greenlet of its own."""
        raise NotImplementedError


NOTHING = Errands([], [], NEVER)
