"""Counts requests and keeps their latencies, per phase and per second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hdrh.histogram import HdrHistogram

LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000, 3
"""Microseconds from one to an hour, to three significant digits."""
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


class Latencies:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST, HIGHEST, DIGITS)

    def add(self, seconds: float) -> None:
        """Record one duration."""
        self._histogram.record_value(max(LOWEST, min(HIGHEST, round(seconds * 1e6))))

    def merge(self, other: Latencies) -> None:
        """Add all of another one's durations."""
        self._histogram.add(other._histogram)

    def percentiles(self) -> dict[str, float | None]:
        """Seconds by name of the percentile; None where nothing was recorded."""
        if not self._histogram.get_total_count():
            return dict.fromkeys(PERCENTILES)
        values = self._histogram.get_percentile_to_value_dict(list(PERCENTILES.values()))
        return {name: values[percent] / 1e6 for name, percent in PERCENTILES.items()}


@dataclass(slots=True)
class Tally:
    """What became of the requests of one phase, or of one second."""

    offered: int = 0
    completed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)

    def as_dict(self, seconds: float) -> dict[str, Any]:
        """For the report; rates are over ``seconds``."""
        return {
            "seconds": seconds,
            "offered": self.offered,
            "completed": self.completed,
            "throughput": self.completed / seconds,
            "errors": dict(self.errors),
            "latency": self.latencies.percentiles(),
        }


class Recorder:
    """The results of one run. Latencies are those of completed requests and count from ``at``,
    the moment when the request was due: time it spent unsent because something was slow counts.
    """

    def __init__(self, phases: Iterable[str]) -> None:
        self.phases = {name: Tally() for name in phases}
        self.seconds: list[Tally] = []
        self.delays = Latencies()
        """How late requests were sent: says whether the driver of load kept up."""

    def second(self, at: float) -> Tally:
        """The tally of the second that contains ``at``."""
        while len(self.seconds) <= int(at):
            self.seconds.append(Tally())
        return self.seconds[int(at)]

    def sent(self, phase: str, at: float, delay: float) -> None:
        """A request that was due at ``at`` has left ``delay`` seconds later."""
        self.phases[phase].offered += 1
        self.second(at).offered += 1
        self.delays.add(delay)

    def finished(self, phase: str, at: float, now: float, error: str | None) -> None:
        """Its answer has come; counted in the second of ``now``, and in the phase it belongs to."""
        for tally in (self.phases[phase], self.second(now)):
            if error:
                tally.errors[error] += 1
            else:
                tally.completed += 1
                tally.latencies.add(now - at)
