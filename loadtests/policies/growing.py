"""Policies of opening: the pool with its own ``Growth``, and with others.

Whatever the policy, a caller who has to wait takes what comes first: a connection that is released
or one that is opened. The pool sees to the limit, and drops an opening whose reason has gone.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

from django_pgpool.pool import Pool
from django_pgpool.pool.growth import Growth

_TICK = 1e-6
"""Seconds; smaller than anything that is measured here."""


class OneAtATime(Growth):
    """The next opening when the last has ended."""

    def allowed(self, now: float, opening: int) -> int:
        return 1 - min(opening, 1)


class Steady(Growth):
    """Four at a time, whatever they take."""

    def succeeded(self, seconds: float, wanted: int) -> None:
        super().succeeded(0.0, wanted)


class SlowStart(Growth):
    """One, two, four, eight at a time while there is somebody to serve."""

    first = 1

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.ramp = self.first

    def _start_from(self, ramp: int) -> None:
        super()._start_from(self.first)  # no opening fails here

    def succeeded(self, seconds: float, wanted: int) -> None:
        ramp = self.ramp
        super().succeeded(seconds, wanted)
        if wanted > 1:
            self.ramp = ramp + 1


class FromTwo(SlowStart):
    """Two to begin with."""

    first = 2


class FromFour(SlowStart):
    """Four to begin with."""

    first = 4


class FromEight(SlowStart):
    """Eight to begin with."""

    first = 8


class Eager(SlowStart):
    """One opening for each waiter, at once."""

    first = 1 << 30


class Predicted(SlowStart):
    """The slow start of ``Predicting``, which says what is worth it."""

    worth = 0

    def allowed(self, now: float, opening: int) -> int:
        return min(super().allowed(now, opening), self.worth)


class Predicting(Pool[Any]):
    """Opens only where a release would not come sooner: with ``b`` connections in use for ``u``
    seconds each, releases come every ``u / b`` seconds, so during one opening (``o`` seconds) they
    serve ``o * b / u`` waiters. Those behind them gain from an opening.

    Predictions err (a slow query): once those who wait have waited as long together as an opening
    takes, counted from the last start of one, one is started all the same (ski rental).
    """

    _growth: Predicted
    _started_at = 0.0

    def _decide(self, now: float) -> Any:
        self._growth.worth = self._predicted() or int(self._owed_in(now) <= 0)
        errands = super()._decide(now)
        if errands.open:
            self._started_at = now
        return errands._replace(look_again_at=self._look_again_at())

    def _look_again_at(self) -> float:
        uncovered = len(self._queue) - self._opening
        if uncovered <= 0 or self._opening or len(self._slots) >= self.maxsize:
            return math.inf  # the end of an opening decides anew
        now = self._clock()
        return now + max(self._owed_in(now), 0.0) / len(self._queue) + 0.001

    def _predicted(self) -> int:
        """Waiters whom no release will serve during an opening."""
        uses = self._acquires - self._in_use
        use = max(self._use_seconds / uses, _TICK) if uses else math.inf
        served = self._in_use * self._opening_takes / use
        return max(int(len(self._queue) - self._opening - served), 0)

    def _owed_in(self, now: float) -> float:
        """Seconds of waiting that are missing to an opening's time."""
        since = (now - max(waiter.queued_at, self._started_at) for waiter in self._queue)
        return self._opening_takes - math.fsum(since)

    @property
    def _opening_takes(self) -> float:
        return self._open_seconds / self._openings if self._openings else 0.0
