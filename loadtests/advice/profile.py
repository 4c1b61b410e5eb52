"""How a pool was used, whatever tells it: a run's results or a site's log lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Of one process, the one that needed most, unless said otherwise. Durations are seconds."""

    maxsize: int
    maxwait: float
    expires: float | None
    cleanup: float | None
    processes: int
    """How many pools of this kind there were at once."""

    in_use: int
    """The most connections in use at once."""
    needed: int
    """... and callers waiting besides."""
    usual: int
    """As many were needed, or fewer, when it was busiest, for 99 % of the callers or of the time.
    """
    load: float
    """Connections in use on average, when it was busiest."""
    limited_wait: float | None
    """Of all who came when the limit was reached, 1 % waited longer; None: it was not reached."""
    longest_wait: float
    use: float | None
    """The median of how long a connection was used."""
    opening: float | None
    """How long it took to open one: the mean, or the median."""

    # Of all processes, and of the whole time:
    acquires: int
    waits: int
    """Callers who had to wait, also those who waited in vain: no acquire came of it."""
    exhausted: int
    """Callers who got PoolExhausted because maxwait ran out."""
    rejected: int
    """... because too many waited already."""
    openings: int
    idle_closed: int
    """Connections closed because nobody needed them."""
    expired: int
    held: float
    """Connection-seconds: how long there were connections."""
    used: float
    """... and how long they were in use."""
    late_reuses: int | None = None
    """Reuses of a connection idle for more than half of cleanup; None: not known."""
    late_reuse_seconds: float = 0.0
    """By how much more, added up."""

    @property
    def waiting(self) -> float:
        """The share of the callers who had to wait."""
        callers = self.acquires + self.exhausted + self.rejected
        return min(self.waits / callers, 1.0)  # others may have been killed, or met an error


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do about one option, in words that can be shown as they are."""

    option: str
    value: str
    reason: str
