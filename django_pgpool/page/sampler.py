"""What the pools of this process have done in the last minutes; nothing of it is kept, measured or
woken up for unless somebody has looked a moment ago."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Any

from .. import registry
from ..pool import Pool, Snapshot
from ..pool.reaper import NEVER, Reaper
from ..pool.runtime import allocate_lock, current_runtime
from ..pool.timed import Meter, meter, unmeter
from ..process import after_fork_in_child

EVERY = 2.0
"""Seconds from sample to sample."""
REMEMBERED = 300.0
"""Seconds for which a sample is kept."""
UNTIL = 60.0
"""Seconds after the last look."""
AT_MOST = 20_000
"""Durations of one kind between two samples; of more, the last count."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """In seconds, exact."""

    number: int
    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    """Monotonic: the wall clock may be set."""
    snapshot: Snapshot
    wait: Quantiles | None
    """Of the callers who have got a connection or failed since the last sample; None: nobody."""
    use: Quantiles | None
    """Of the connections that were given back."""


class _Durations:
    """Collected between two samples. Recording is one call of a C function."""

    def __init__(self) -> None:
        self._collected: deque[float] = deque(maxlen=AT_MOST)
        self.record = self._collected.append

    def take(self) -> Quantiles | None:
        """The quantiles, and begin anew."""
        ordered = sorted(self._collected.popleft() for _ in range(len(self._collected)))
        if not ordered:
            return None
        last = len(ordered) - 1
        return Quantiles(
            len(ordered), ordered[round(last * 0.5)], ordered[round(last * 0.99)], ordered[last]
        )


class History:
    """Of one pool."""

    def __init__(self, pool: Pool[Any]) -> None:
        self.samples: deque[Sample] = deque(maxlen=round(REMEMBERED / EVERY) + 1)
        self._pool = pool
        self._wait, self._use = _Durations(), _Durations()
        self._meter = Meter(
            self._wait.record, self._wait.record, self._use.record, lambda seconds: None
        )
        self.take()
        meter(pool, self._meter)

    def take(self) -> None:
        """A sample."""
        snapshot = self._pool.snapshot()
        self.samples.append(Sample(monotonic(), snapshot, self._wait.take(), self._use.take()))

    def end(self) -> None:
        """Let the pool be as it was."""
        unmeter(self._pool, self._meter)


class Sampler:
    """Its greenlet (in plain threads: a daemon thread) keeps no process alive."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._histories: dict[Pool[Any], History] = {}
        self._looked_at = self._due = NEVER
        self._reaper = Reaper(
            current_runtime(), self._lock, monotonic, self._step, lambda now: self._due
        )

    def look(self) -> dict[Pool[Any], list[Sample]]:
        """The samples of each pool, the oldest first; more of them from now on."""
        with self._lock:
            now = self._looked_at = monotonic()
            if self._due == NEVER:
                self._due = now + EVERY
            self._follow()
            seen = {pool: list(history.samples) for pool, history in self._histories.items()}
        self._reaper.wake_at(self._due)
        return seen

    def forget(self) -> None:
        """In a forked child: all that is the parent's, and so are the pools."""
        self._due = NEVER
        self._histories.clear()

    def _step(self, late: float) -> None:
        with self._lock:
            now = monotonic()
            if self._due == NEVER or now < self._due:
                return
            if now > self._looked_at + UNTIL:
                self._due = NEVER
                for history in self._histories.values():
                    history.end()
                self._histories.clear()
                return
            self._due = now + EVERY
            for history in self._follow():
                history.take()

    def _follow(self) -> list[History]:
        """Begin with new pools, leave those that are no more. Returns the others. *(locked)*"""
        pools = {entry.pool for entry in registry.entries()}
        known = [self._histories[pool] for pool in pools & self._histories.keys()]
        for pool in self._histories.keys() - pools:
            self._histories.pop(pool).end()
        for pool in pools - self._histories.keys():
            self._histories[pool] = History(pool)
        return known


_sampler: Sampler | None = None


def look() -> dict[Pool[Any], list[Sample]]:
    """What is known of the pools of this process; it is looked at for a minute from now on."""
    global _sampler  # noqa: PLW0603  made by the first who looks: then the process is patched
    if _sampler is None:
        _sampler = Sampler()
    return _sampler.look()


def _after_fork_in_child() -> None:
    global _sampler  # noqa: PLW0603  there is one
    if _sampler is not None:
        _sampler.forget()
        _sampler = None


after_fork_in_child(_after_fork_in_child)
