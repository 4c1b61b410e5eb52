"""Counts requests and keeps their times, per phase, kind and second.

Needs nothing but hdrhistogram: it also runs where only an engine and its needs are installed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from hdrh.histogram import HdrHistogram

LOWEST, HIGHEST, DIGITS = 1, 3_600_000_000, 3
"""Microseconds from one to an hour, to three significant digits."""
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
ROWS = 1200
"""Rows of a run's course in time: seconds, unless it is longer."""
WINDOW = 3
"""Rows over which the present throughput and p99 are taken."""

KILLED = "killed"
"""The error of a request that the scenario has killed."""

Percentiles = dict[str, float | None]


class Durations:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST, HIGHEST, DIGITS)

    def add(self, seconds: float) -> None:
        """Record one duration."""
        self._histogram.record_value(max(LOWEST, min(HIGHEST, round(seconds * 1e6))))

    def merge(self, other: Durations) -> None:
        """Add all of another one's durations."""
        self._histogram.add(other._histogram)

    def percentiles(self) -> Percentiles:
        """Seconds by name of the percentile; None where nothing was recorded."""
        if not self._histogram.get_total_count():
            return dict.fromkeys(PERCENTILES)
        values = self._histogram.get_percentile_to_value_dict(list(PERCENTILES.values()))
        return {name: values[percent] / 1e6 for name, percent in PERCENTILES.items()}

    def distribution(self) -> list[tuple[float, float]]:
        """Pairs of seconds and the share of durations that were at most so long; closer together
        the higher the share."""
        if not self._histogram.get_total_count():
            return []
        return [
            (step.value_iterated_to / 1e6, step.percentile_level_iterated_to / 100)
            for step in self._histogram.get_percentile_iterator(5)
        ]


@dataclass(slots=True)
class Tally:
    """What became of some of the requests."""

    offered: int = 0
    completed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    latencies: Durations = field(default_factory=Durations)
    waits: Durations = field(default_factory=Durations)
    uses: Durations = field(default_factory=Durations)

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of them together."""
        total = cls()
        for tally in tallies:
            total.offered += tally.offered
            total.completed += tally.completed
            total.errors += tally.errors
            total.latencies.merge(tally.latencies)
            total.waits.merge(tally.waits)
            total.uses.merge(tally.uses)
        return total

    def as_dict(self, seconds: float) -> dict[str, Any]:
        """For the report; rates are over ``seconds``."""
        return {
            "seconds": seconds,
            "offered": self.offered,
            "completed": self.completed,
            "throughput": self.completed / seconds if seconds else 0.0,
            "errors": dict(self.errors),
            "latency": self.latencies.percentiles(),
            "wait": self.waits.percentiles(),
            "use": self.uses.percentiles(),
        }


@dataclass(slots=True)
class Row:
    """A second of the run, or several."""

    offered: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def as_dict(self, second: float, width: float) -> dict[str, Any]:
        """For the report: ``width`` seconds from ``second`` on."""
        return {
            "second": second,
            "seconds": width,
            "offered": self.offered,
            "completed": len(self.latencies),
            "throughput": len(self.latencies) / width,
            "errors": dict(self.errors),
            "latency": exact_percentiles(self.latencies),
        }


def exact_percentiles(durations: list[float]) -> Percentiles:
    """By nearest rank; None where there are no ``durations``."""
    if not durations:
        return dict.fromkeys(PERCENTILES)
    ranked, count = sorted(durations), len(durations)
    return {
        name: ranked[max(0, ceil(percent / 100 * count) - 1)]
        for name, percent in PERCENTILES.items()
    }


@dataclass(slots=True)
class Outcome:
    """What became of one request. Durations are seconds."""

    error: str | None = "cut off"
    """In a word or two; at first, what it is if the run ends before the request."""
    wait: float | None = None
    """Until it had a connection, or an error instead."""
    use: float | None = None
    """From then until it had its result and, where that can be told, had given it back."""


class Recorder:
    """The results of one run of ``seconds``. Latencies are those of completed requests and count
    from ``at``, the moment when the request was due: time it spent unsent because something was
    slow counts.
    """

    def __init__(self, seconds: float) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}
        """By phase and kind of request."""
        self.delays = Durations()
        """How late requests were sent: says whether the driver of load kept up."""
        self._width = max(1, ceil(seconds / ROWS))
        self._rows: list[dict[str, Any]] = []
        self._open: deque[Row] = deque([Row()])
        self._errors: Counter[str] = Counter()

    def sent(self, phase: str, kind: str, at: float, delay: float) -> None:
        """A request that was due at ``at`` has left ``delay`` seconds later."""
        self._tally(phase, kind).offered += 1
        self._row(at + delay).offered += 1
        self.delays.add(delay)

    def finished(self, phase: str, kind: str, at: float, now: float, outcome: Outcome) -> None:
        """Its answer has come; counted in the row of ``now``, and in the phase it belongs to."""
        tally, row = self._tally(phase, kind), self._row(now)
        if outcome.error:
            tally.errors[outcome.error] += 1
            row.errors[outcome.error] += 1
            self._errors[outcome.error] += 1
        else:
            tally.completed += 1
            tally.latencies.add(now - at)
            row.latencies.append(now - at)
        if outcome.wait is not None:
            tally.waits.add(outcome.wait)
        if outcome.use is not None:
            tally.uses.add(outcome.use)

    def recent(self, now: float) -> dict[str, Any]:
        """The last whole rows, for those who watch: ``offered`` and ``throughput`` per second,
        ``p99`` in seconds, and ``errors`` by kind since the start."""
        self._row(now)
        rows = [*self._open][:-1][-WINDOW:]
        latencies = [latency for row in rows for latency in row.latencies]
        span = max(1, len(rows)) * self._width
        return {
            "offered": sum(row.offered for row in rows) / span,
            "throughput": len(latencies) / span,
            "p99": exact_percentiles(latencies)["p99"],
            "errors": dict(self._errors),
        }

    def as_dict(self, seconds: float, phases: dict[str, float]) -> dict[str, Any]:
        """All of it, after ``seconds``, with ``phases`` that lasted so long."""
        self._row(seconds)
        kinds = dict.fromkeys(kind for _, kind in self.tallies)
        total = self._sum()
        first = len(self._rows)
        rows = [
            row.as_dict((first + number) * self._width, self._width)
            for number, row in enumerate(self._open)
        ]
        return {
            "phases": {
                name: self._sum(phase=name).as_dict(length) for name, length in phases.items()
            },
            "kinds": {name: self._sum(kind=name).as_dict(seconds) for name in kinds},
            "total": total.as_dict(seconds),
            "distribution": total.latencies.distribution(),
            "delay": self.delays.percentiles(),
            "seconds": self._rows + rows,
        }

    def _sum(self, phase: str | None = None, kind: str | None = None) -> Tally:
        return Tally.sum(
            tally
            for key, tally in self.tallies.items()
            if phase in (None, key[0]) and kind in (None, key[1])
        )

    def _tally(self, phase: str, kind: str) -> Tally:
        key = (phase, kind)
        if key not in self.tallies:
            self.tallies[key] = Tally()
        return self.tallies[key]

    def _row(self, now: float) -> Row:
        """That of ``now``. Rows that nobody looks at any more are kept as their numbers only."""
        number = int(now / self._width) - len(self._rows)
        while len(self._open) <= number:
            self._open.append(Row())
        while len(self._open) > WINDOW + 1:
            row = self._open.popleft()
            self._rows.append(row.as_dict(len(self._rows) * self._width, self._width))
            number -= 1
        return self._open[max(0, number)]
