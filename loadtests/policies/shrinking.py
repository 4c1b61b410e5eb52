"""Policies of closing: the pool with other ideas of what is needed, or of when idle is too long."""

from __future__ import annotations

import math
from typing import Any

from django_pgpool.pool import Pool, Slot
from django_pgpool.pool.demand import Demand

_PATIENCE = 100
"""A connection may be idle for as long as so many openings take."""


class Everything(Demand):
    """Nothing is closed before ``cleanup``."""

    @property
    def connections(self) -> float:
        return math.inf


class Twice(Demand):
    """Twice the load, and two."""

    @property
    def connections(self) -> float:
        return 2 * self._load + 2


class Narrow(Demand):
    """Three of the spread instead of four."""

    @property
    def connections(self) -> float:
        return self._load + 3 * math.sqrt(self._load) + 1


class Narrower(Demand):
    """Two of the spread instead of four."""

    @property
    def connections(self) -> float:
        return self._load + 2 * math.sqrt(self._load) + 1


class Shared(Pool[Any]):
    """The more are idle, the sooner the next one is closed."""

    def _idle_until(self, slot: Slot) -> float:
        return slot.last_used + self._cleanup / max(len(self._idle), 1)


class Rent(Pool[Any]):
    """An idle connection may cost as much as opening it again, times a constant: ski rental."""

    def _idle_until(self, slot: Slot) -> float:
        opening = self._open_seconds / max(self._openings, 1)
        return slot.last_used + min(self._cleanup, _PATIENCE * opening)
