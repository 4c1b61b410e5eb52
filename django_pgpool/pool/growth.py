"""How many connections to open at once, and how long to leave a failing server alone.

A caller who finds nothing idle takes what comes first: a connection that is released, or one that
is opened. How many openings run at once for those who wait follows TCP's slow start (RFC 5681,
with its initial window of four): FIRST, and one more for each that finishes and still finds
waiters, which doubles them from round to round; back to FIRST without demand, to one after a
failure. Openings share the server's processors, so that many at once delay each other; what was
released meanwhile may leave the later ones without a reason. ``docs/policies.md`` compares this
with other policies.

After a failure attempts back off (doubling, with jitter, up to BACKOFF_MAX); the first success ends
it. Everything here is called under the pool's lock, does no I/O and reads no clock.
"""

from __future__ import annotations

from random import Random

FIRST = 4
"""Openings that may be in flight together when somebody waits where nobody did."""
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
            self.ramp = FIRST

    def succeeded(self, waiting: int) -> None:
        """An opening has succeeded and finds so many waiters."""
        self.failures = 0
        self.ramp = self.ramp + 1 if waiting else FIRST
        self.worked = True
        self.error = None
        self._backoff = 0.0
        self.retry_at = 0.0

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
