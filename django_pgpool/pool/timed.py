"""A pool that tells how long its callers wait for connections and use them, and how long openings
take.

In a class of its own, so that a pool that need not tell pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .driver import C
from .events import Reason
from .pool import Pool
from .slot import IN_USE, Slot

Record = Callable[[float], object]


class Meter(NamedTuple):
    """Who is told of seconds: functions that do not raise, and that each acquire feels. They are
    called by any greenlet or thread; one that is killed in them loses nothing."""

    waited: Record
    """Until a caller had a connection; next to nothing where one was idle."""
    gave_up: Record
    """Until a caller got an error instead, was killed or timed out."""
    used: Record
    """For which a connection was held, with its clean-up."""
    opened: Record
    """A successful opening took."""

    def and_then(self, other: Meter) -> Meter:
        """Both are told."""
        return Meter(*(_both(*pair) for pair in zip(self, other, strict=True)))


def _both(first: Record, second: Record) -> Record:
    def record(seconds: float) -> None:
        first(seconds)
        second(seconds)

    return record


class TimedPool(Pool[C]):
    """A pool that tells its meter. See ``meter``, which makes one of any pool."""

    _meter: Meter

    def acquire(self, maxwait: float | None = None) -> Slot:
        """As ``Pool.acquire``."""
        slot = None
        started = self._clock()
        try:
            slot = super().acquire(maxwait)
            self._acquired(slot, self._clock() - started)
        except BaseException:
            if slot is not None:  # of a signal handler, while that was written down
                self._pass_on(slot)
            else:
                self._meter.gave_up(self._clock() - started)
            raise
        return slot

    def release(self, slot: Slot, lease: int) -> None:
        """As ``Pool.release``."""
        acquired_at = slot.acquired_at
        held = slot.lease == lease and slot.state is IN_USE
        try:
            super().release(slot, lease)
        finally:
            if held:
                self._released(self._clock() - acquired_at)

    def evict(self, slot: Slot, lease: int, reason: Reason = Reason.BROKEN) -> None:
        """As ``Pool.evict``."""
        acquired_at = slot.acquired_at
        super().evict(slot, lease, reason)
        self._released(self._clock() - acquired_at)

    def _acquired(self, slot: Slot, seconds: float) -> None:
        self._meter.waited(seconds)

    def _released(self, seconds: float) -> None:
        self._meter.used(seconds)

    def _opened(self, slot: Slot, started: float) -> None:
        seconds = self._clock() - started
        try:
            super()._opened(slot, started)
        finally:
            self._meter.opened(seconds)


def meter(pool: Pool[Any], meter: Meter) -> None:
    """Have ``meter`` told from now on, beside those that are told already. In a pool at work, too:
    only its methods become others."""
    if isinstance(pool, TimedPool):
        pool._meter = pool._meter.and_then(meter)
    else:
        pool._meter = meter  # type: ignore[attr-defined]  # it is one in a moment
        pool.__class__ = TimedPool
