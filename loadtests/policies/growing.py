"""Policies of opening: the pool with its own ``Growth``, with parts of it, and with simpler ones.

Whatever the policy, a caller who has to wait takes what comes first: a connection that is released
or one that is opened. The pool sees to the limit, and drops an opening whose reason has gone.
"""

from __future__ import annotations

from django_pgpool.pool.growth import Growth

_UNLIMITED = 1 << 30


class Eager(Growth):
    """One opening for each waiter, at once."""

    def wanted(self, now: float, waiting: int, opening: int, in_use: int) -> int:
        return max(waiting - opening, 0)


class OneAtATime(Growth):
    """The next opening when the last has ended."""

    def wanted(self, now: float, waiting: int, opening: int, in_use: int) -> int:
        return int(waiting > opening == 0)


class SlowStart(Growth):
    """One, two, four, eight at a time while there is somebody to serve; never predicts."""

    first = 1

    def wanted(self, now: float, waiting: int, opening: int, in_use: int) -> int:
        self.ramp = max(self.ramp, self.first)
        return max(0, min(waiting, self.ramp) - opening)


class FromTwo(SlowStart):
    """Two to begin with."""

    first = 2


class FromFour(SlowStart):
    """Four to begin with."""

    first = 4


class FromEight(SlowStart):
    """Eight to begin with."""

    first = 8


class PredictedOnly(Growth):
    """Slow start and prediction, but waiting is never added up: nothing corrects a prediction."""

    def _debt_at(self, now: float, waiting: int) -> float:
        return -1.0

    def look_again_at(self, now: float, waiting: int) -> float:
        return float("inf")


class OwedOnly(Growth):
    """Slow start, and waiting is added up, but nothing is predicted: each opening is preceded by
    as much waiting as it costs, unless there is no connection at all."""

    def wanted(self, now: float, waiting: int, opening: int, in_use: int) -> int:
        if not in_use and waiting > opening:
            return max(0, min(waiting, self.ramp) - opening)
        owed = self._debt_at(now, waiting) >= self.open_seconds
        return int(owed and waiting > opening and opening < self.ramp)


class WithoutSlowStart(Growth):
    """Prediction and waiting added up; as many at once as seem to pay."""

    def wanted(self, now: float, waiting: int, opening: int, in_use: int) -> int:
        self.ramp = _UNLIMITED
        return super().wanted(now, waiting, opening, in_use)
