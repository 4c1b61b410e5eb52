"""How many connections to open at once, and how long to leave a failing server alone.

A caller who finds nothing idle takes what comes first: a connection that is released, or one that
is opened. FIRST openings run at once for those who wait; openings share the server's processors, so
that many at once delay each other, and what was released meanwhile may leave the later ones without
a reason. Where that would take LONG, as where the server is far away or many wait, one more runs
for each that finishes, which doubles them from round to round, until they are DELAYED by each
other: TCP's slow start (RFC 5681, with its initial window of four), which ends where delay tells of
a queue, as in TCP Vegas. Back to FIRST without demand, to one after a failure. ``docs/policies.md``
compares this with other policies.

After a failure attempts back off (doubling, with jitter, up to BACKOFF_MAX); the first success ends
it. Everything here is called under the pool's lock, does no I/O and reads no clock.
"""

from __future__ import annotations

from random import Random

FIRST = 4
"""Openings that may be in flight together when somebody waits where nobody did."""
LONG = 0.1
"""Seconds in which those who wait should have been served, if openings alone do it."""
DELAYED = 2.0
"""An opening that takes so many times as long as the first FIRST of this ramp did on average waits
for others. The quickest of them would be a bad measure: one of several servers may be nearer."""
BACKOFF_FIRST = 0.1
"""Seconds to the second attempt, before jitter."""
BACKOFF_MAX = 1.0
"""So much longer than the server's an outage may last, at the most."""
PATIENCE = 1.0
"""Seconds for which a server that did work before and is restarting makes waiters wait for the next
attempt rather than fail."""


class Growth:
    __slots__ = (
        "_backoff",
        "_failed_since",
        "_first",
        "_random",
        "brief",
        "error",
        "failures",
        "ramp",
        "retry_at",
        "worked",
    )

    def __init__(self, random: Random) -> None:
        self._random = random
        self.ramp = FIRST
        """Openings that may be in flight together."""
        self._first: list[float] = []
        """Seconds that each of the first FIRST openings of this ramp took."""
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

    def allowed(self, now: float, opening: int) -> int:
        """How many more may be started, where so many are in flight."""
        return 0 if now < self.retry_at else max(self.ramp - opening, 0)

    def begin_anew(self) -> None:
        """Nobody waited a moment ago, or an opening was not needed any more."""
        if not self.failures:
            self._start_from(FIRST)

    def _start_from(self, ramp: int) -> None:
        self.ramp = ramp
        self._first.clear()

    def succeeded(self, seconds: float, wanted: int) -> None:
        """An opening has succeeded after so many seconds. It finds that so many are wanted, itself
        and others in flight included: there are waiters, and there is room."""
        self.failures = 0
        self.worked = True
        self.error = None
        self._backoff = 0.0
        self.retry_at = 0.0
        if wanted <= 1:
            self._start_from(FIRST)
            return
        first = self._first
        if len(first) < FIRST:
            first.append(seconds)
        takes_long = wanted * seconds >= LONG * self.ramp
        if self.ramp < FIRST or (takes_long and seconds < DELAYED * sum(first) / len(first)):
            self.ramp += 1

    def failed(self, now: float, error: BaseException, *, brief: bool) -> None:
        """An opening failed. Several that were in flight together are one step of the back-off."""
        self.error = error
        self.brief = brief
        self._start_from(1)
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
