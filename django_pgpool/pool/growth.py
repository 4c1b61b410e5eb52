"""When to open a connection, how many at once, and how long to leave a failing server alone.

An opening is started where it serves a waiter sooner than the releases to come would:

* *predicted*: with ``b`` connections in use for ``u`` seconds each, releases come every ``u / b``
  seconds, so during one opening (``o`` seconds) they serve ``o * b / u`` waiters. Those queued
  behind them gain from an opening.
* *owed*: predictions err (a slow query, a queue that never empties). The waiting of all callers is
  added up since the queue was last empty; when it has cost as much as an opening, one is started.
  This is the ski-rental rule: never more than twice the cost of the right choice in hindsight.

How many run at once follows TCP's slow start (RFC 5681): one, and one more for each that finishes
and still finds waiters, which doubles them from round to round; back to one without demand, or
after a failure.

After a failure attempts back off (doubling, with jitter, up to BACKOFF_MAX); the first success ends
it. Everything here is called under the pool's lock, does no I/O and reads no clock.
"""

from __future__ import annotations

from random import Random

BACKOFF_FIRST = 0.1
"""Seconds to the second attempt, before jitter."""
BACKOFF_MAX = 5.0
PATIENCE = 1.0
"""Seconds for which a server that did work before and is restarting makes waiters wait for the next
attempt rather than fail."""
_WEIGHT = 0.1
"""Of the newest measurement in the moving averages."""
_TICK = 1e-6
"""Seconds; smaller than anything that is measured here."""
_NEVER = float("inf")


class Growth:
    __slots__ = (
        "_backoff",
        "_debt",
        "_failed_since",
        "_queue_changed_at",
        "_random",
        "_releases",
        "_used",
        "brief",
        "error",
        "failures",
        "open_seconds",
        "ramp",
        "retry_at",
        "use_seconds",
        "worked",
    )

    def __init__(self, random: Random) -> None:
        self._random = random
        self.open_seconds = 0.0
        """Moving average of the time one opening takes; 0 until one has been measured."""
        self.use_seconds = _NEVER
        """Moving average of the time a connection is held."""
        self.ramp = 1
        """Openings that may be in flight together."""
        self.worked = False
        """Whether an opening ever succeeded."""
        self.error: BaseException | None = None
        """Of the last opening, where it failed."""
        self.failures = 0
        """Failed attempts since the last success; openings that failed together count as one."""
        self.brief = False
        self.retry_at = 0.0
        self._failed_since = 0.0
        self._backoff = 0.0
        self._debt = 0.0
        self._queue_changed_at = 0.0
        self._used = 0.0
        self._releases = 0

    def measure_use(self, seconds: float, releases: int) -> None:
        """Connections have been held for so long in all, and given back so often, up to now."""
        new = releases - self._releases
        if new <= 0:
            return
        average = (seconds - self._used) / new
        if self.use_seconds == _NEVER:
            self.use_seconds = average
        else:
            self.use_seconds += (average - self.use_seconds) * (1 - (1 - _WEIGHT) ** new)
        self._used, self._releases = seconds, releases

    def queue_changes(self, now: float, waiting: int) -> None:
        """``waiting`` callers have been queued since the last call; their number changes now."""
        if waiting:
            self._debt += waiting * (now - self._queue_changed_at)
        else:
            self._debt = 0.0
            self.ramp = 1
        self._queue_changed_at = now

    def wanted(self, now: float, waiting: int, opening: int, in_use: int) -> int:
        """How many openings to start, whatever room there is."""
        uncovered = waiting - opening
        if uncovered <= 0 or now < self.retry_at:
            return 0
        served_meanwhile = int(in_use * self.open_seconds / max(self.use_seconds, _TICK))
        predicted = uncovered - served_meanwhile
        if predicted <= 0 and self._debt_at(now, waiting) >= self.open_seconds:
            predicted = 1
        return max(0, min(predicted, self.ramp - opening))

    def started(self, now: float) -> None:
        """Openings were started: their cost is paid, waiting is added up anew."""
        self._debt = 0.0
        self._queue_changed_at = now

    def look_again_at(self, now: float, waiting: int) -> float:
        """When the answer of ``wanted`` may change without anything happening to the pool."""
        if now < self.retry_at:
            return self.retry_at
        if not waiting:
            return _NEVER
        # A little later than computed: a wake-up that is early by rounding would find nothing owed.
        owed_in = (self.open_seconds - self._debt_at(now, waiting)) / waiting
        return now + max(owed_in, 0.0) + 0.001

    def succeeded(self, seconds: float, waiting: int) -> None:
        """An opening took so many seconds and finds so many waiters."""
        average = self.open_seconds
        self.open_seconds = average + (seconds - average) * _WEIGHT if average else seconds
        self.ramp = self.ramp + 1 if waiting else 1
        self.worked = True
        self.error = None
        self.failures = 0
        self._backoff = 0.0
        self.retry_at = 0.0

    def elided(self) -> None:
        """An opening was not needed any more when its turn came."""
        self.ramp = 1

    def failed(self, now: float, error: BaseException, *, brief: bool) -> None:
        """An opening failed. Several that were in flight together are one step of the back-off."""
        self.error = error
        self.brief = brief
        self.ramp = 1
        if now < self.retry_at:
            return
        if not self.failures:
            self._failed_since = now
        self.failures += 1
        self._backoff = min(self._backoff * 2 or BACKOFF_FIRST, BACKOFF_MAX)
        self.retry_at = now + self._backoff * self._random.uniform(0.5, 1.0)

    def hopeless(self, now: float) -> bool:
        """Whether a caller for whom nothing is in use or being opened should fail at once.

        One failure may be a blip: its waiter has got the error, the others wait for the next
        attempt, a fraction of a second away. From the second on requests fail fast, unless the
        server worked before and is restarting, and that for less than PATIENCE.
        """
        if now >= self.retry_at or self.failures < 2:
            return False
        patient = self.brief and self.worked and now - self._failed_since < PATIENCE
        return not patient

    def _debt_at(self, now: float, waiting: int) -> float:
        return self._debt + waiting * (now - self._queue_changed_at)
