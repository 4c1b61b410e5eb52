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


SILENT = Meter(*[lambda seconds: None] * 4)


def _all_of(meters: tuple[Meter, ...]) -> Meter:
    """One that tells them all."""
    together = meters[0] if meters else SILENT
    for meter in meters[1:]:
        together = Meter(*(_both(*pair) for pair in zip(together, meter, strict=True)))
    return together


def _both(first: Record, second: Record) -> Record:
    def record(seconds: float) -> None:
        first(seconds)
        second(seconds)

    return record


class TimedPool(Pool[C]):
    """A pool that tells its meters. See ``meter``, which makes one of any pool, and ``unmeter``,
    which may do the reverse at any moment: so no method asks for ``super()``, nor for one of this
    class after it could have been left.
    """

    _meters: tuple[Meter, ...]
    _meter: Meter
    """All of them in one."""

    def _told(self, *meters: Meter) -> None:
        self._meter = _all_of(meters)
        self._meters = meters

    def acquire(self, maxwait: float | None = None) -> Slot:
        """As ``Pool.acquire``."""
        slot = None
        acquired = getattr(self, "_acquired", _nothing)
        started = self._clock()
        try:
            slot = Pool.acquire(self, maxwait)
            acquired(slot, self._clock() - started)
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
        released = getattr(self, "_released", _nothing)
        held = slot.lease == lease and slot.state is IN_USE
        try:
            Pool.release(self, slot, lease)
        finally:
            if held:
                released(self._clock() - acquired_at)

    def evict(self, slot: Slot, lease: int, reason: Reason = Reason.BROKEN) -> None:
        """As ``Pool.evict``."""
        acquired_at = slot.acquired_at
        released = getattr(self, "_released", _nothing)
        Pool.evict(self, slot, lease, reason)
        released(self._clock() - acquired_at)

    def _acquired(self, slot: Slot, seconds: float) -> None:
        self._meter.waited(seconds)

    def _released(self, seconds: float) -> None:
        self._meter.used(seconds)

    def _opened(self, slot: Slot, started: float) -> None:
        seconds = self._clock() - started
        try:
            Pool._opened(self, slot, started)
        finally:
            self._meter.opened(seconds)


def _nothing(*_: object) -> None:
    """Instead of a method: another thread has just left the class."""


def meter(pool: Pool[Any], meter: Meter) -> None:
    """Have ``meter`` told from now on, beside those that are told already. In a pool at work, too:
    only its methods become others."""
    with pool._lock:
        TimedPool._told(pool, *getattr(pool, "_meters", ()), meter)  # type: ignore[arg-type]
        if not isinstance(pool, TimedPool):
            pool.__class__ = TimedPool


def unmeter(pool: Pool[Any], meter: Meter) -> None:
    """Have it told no more; a pool that tells none is as it was before."""
    with pool._lock:
        meters: tuple[Meter, ...] = getattr(pool, "_meters", ())
        TimedPool._told(pool, *(other for other in meters if other is not meter))  # type: ignore[arg-type]
        if type(pool) is TimedPool and not pool._meters:
            pool.__class__ = Pool  # type: ignore[assignment]
