"""Policies of closing: the pool's own code, in which ``cleanup`` is the bound and some connections
are closed earlier."""

from __future__ import annotations

import math
from typing import Any

from django_pgpool.pool import Pool, Slot
from django_pgpool.pool.slot import IN_USE

_LOOKS = 16
"""How often per ``cleanup`` the pool looks; what is surplus is closed after one such time."""
_MEMORY = 4
"""The load is averaged over this part of ``cleanup``."""
_PATIENCE = 100
"""A connection may be idle for as long as so many openings take."""


class Looking(Pool[Any]):
    """Its reaper looks again and again while there are connections."""

    def _next_due(self, now: float) -> float:
        due = super()._next_due(now)
        return min(due, now + self._look) if self._idle or self._in_use else due

    @property
    def _look(self) -> float:
        return self._cleanup / _LOOKS


class Shared(Looking):
    """The more are idle, the sooner the next one is closed."""

    def _idle_until(self, slot: Slot) -> float:
        return slot.last_used + self._cleanup / max(len(self._idle), 1)


class Rent(Looking):
    """An idle connection may cost as much as opening it again, times a constant: ski rental."""

    def _idle_until(self, slot: Slot) -> float:
        return slot.last_used + min(self._cleanup, _PATIENCE * self._growth.open_seconds)


class Load(Looking):
    """What is above the need that follows from the recent load is closed at the next look. The load
    is how many were in use on average."""

    _load = 0.0
    _looked_at: float | None = None
    _used = 0.0

    def _step(self, late: float) -> None:
        with self._lock:
            now = self._clock()
            busy = [now - slot.acquired_at for slot in self._slots if slot.state is IN_USE]
            used = self._use_seconds + math.fsum(busy)
            if self._looked_at is not None and now > self._looked_at:
                seconds = now - self._looked_at
                weight = 1 - math.exp(-seconds / (self._cleanup / _MEMORY))
                self._load += ((used - self._used) / seconds - self._load) * weight
            self._looked_at, self._used = now, used
        super()._step(late)

    def _idle_until(self, slot: Slot) -> float:
        surplus = len(self._slots) - self._closing > self._need()
        return slot.last_used + (self._look if surplus else self._cleanup)

    def _need(self) -> float:
        return 2 * self._load + 2


class SquareRoot(Load):
    """Random arrivals of load ``b`` vary by its square root: three of that above are rare."""

    def _need(self) -> float:
        return self._load + 3 * math.sqrt(self._load) + 1
