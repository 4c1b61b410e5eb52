"""Looks at the site and at the server while the load runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from .front import Look, RunningLoad
from .monitor import Monitor

LONGEST, SHORTEST = 0.2, 0.05
"""Seconds between two samples."""
KEPT = 3000
"""Samples that are kept for the report."""
STATES = ("size", "idle", "in_use", "opening", "closing", "waiting")
LAST_LOOK = 3.0
"""Seconds after the end within which the server's own count has to follow the pool's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The site at one moment: its pools as the workers say (None: it has none of ours), and its
    connections as the server counts (None: no answer)."""

    at: float
    size: int | None
    idle: int | None
    in_use: int | None
    opening: int | None
    closing: int | None
    waiting: int | None
    server: int | None
    needed: int
    openings: int | None
    """So far."""
    evictions: int | None
    """So far, for whatever reason."""
    most_in_use: int | None = None
    """By one worker."""
    most_wanted: int | None = None
    """... in use or waited for."""


class Watcher:
    """Samples until it is cancelled. Asking opens no connection in the pool.

    ``last`` is the newest look at the site.
    """

    def __init__(
        self, load: RunningLoad, monitor: Monitor, seconds: float, *, pooled: bool
    ) -> None:
        """``pooled``: the site has a pool of ours."""
        self.samples: list[Sample] = []
        self.newest: Sample | None = None
        self.last: Look | None = None
        self._load = load
        self._monitor = monitor
        self._interval = min(LONGEST, max(SHORTEST, seconds / 300))
        self._apart = seconds / KEPT
        self._pooled = pooled
        self._peaks: Counter[str] = Counter()
        self._held = 0.0

    async def run(self) -> None:
        """Sample for ever. Raises SiteFailed when the site has died."""
        while True:
            await self.sample()
            await asyncio.sleep(self._interval)

    async def settle(self, *, direct: bool = True) -> None:
        """Look a last time; a moment longer if the server has not yet noticed the last close.
        Not ``direct``: the server counts other connections than the pool's."""
        deadline = self._load.elapsed + LAST_LOOK
        while True:
            sample = await self.sample()
            settled = not direct or sample.size in (sample.server, None)
            if settled or self._load.elapsed > deadline:
                break
            await asyncio.sleep(SHORTEST)
        if self.samples[-1] is not sample:
            self.samples.append(sample)

    async def sample(self) -> Sample:
        """Take one sample. Raises SiteFailed."""
        look, server = await asyncio.gather(
            self._load.look(), asyncio.to_thread(self._monitor.count)
        )
        states = {state: look.pool.get(state, 0) if self._pooled else None for state in STATES}
        totals = {
            "openings": look.pool.get("openings", 0) if self._pooled else None,
            "evictions": sum(look.pool.get("evictions", {}).values()) if self._pooled else None,
            "most_in_use": look.most_in_use if self._pooled else None,
            "most_wanted": look.most_wanted if self._pooled else None,
        }
        sample = Sample(look.at, **states, server=server, needed=look.needed, **totals)
        if self.newest is not None:
            self._held += (self.newest.server or 0) * (sample.at - self.newest.at)
        self.newest, self.last = sample, look
        for name in (*STATES, "server"):
            self._peaks[name] = max(self._peaks[name], getattr(sample, name) or 0)
        if not self.samples or sample.at - self.samples[-1].at >= self._apart:
            self.samples.append(sample)
        return sample

    def pool(self) -> dict[str, Any]:
        """The last statistics of the pool, and what only the samples know. A peak between two
        samples is not seen. Connection-seconds are those that the server has seen."""
        if self.newest is None or self.last is None:  # cut off before the first look
            return dict.fromkeys(
                ("peak_server", "end_server", "connection_seconds", "ideal_connection_seconds")
            )
        peaks = {f"peak_{name}": self._peaks[name] for name in ("size", "in_use", "waiting")}
        pool = {**peaks, "end_size": self.newest.size} if self._pooled else {}
        return {
            **self.last.pool,
            **pool,
            "peak_server": self._peaks["server"],
            "end_server": self.newest.server,
            "connection_seconds": self._held,
            "ideal_connection_seconds": self.last.ideal,
        }

    def series(self) -> list[dict[str, Any]]:
        """The samples, as plain data."""
        return [asdict(sample) for sample in self.samples]
