"""The profiles of a site's pools, from its log lines ``pool_stats``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .parsing import Unreadable, parse
from .profile import Profile

SETTINGS = ("maxsize", "maxwait", "expires", "cleanup")
ENOUGH = 100
"""Callers in an interval from which on its p99 is more than its worst one."""


@dataclass(slots=True)
class Lines:
    """What the lines of one alias with the same settings have told so far."""

    alias: str
    settings: tuple[Any, ...]
    lines: int = 0
    seconds: float = 0.0
    """Of all processes together."""
    last: int = 0
    """Number of the last of these lines in the log."""
    sums: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)
    interval: float = 0.0
    """The longest."""
    load: float = 0.0
    usual: int = 0
    """Of the interval with the largest load."""
    limited: int = 0
    """Intervals in which the limit was reached and somebody waited."""
    limited_wait: float | None = None
    medians: dict[str, list[float]] = field(default_factory=lambda: {"use": [], "open": []})
    """Of the intervals in which something went on."""
    first_and_last: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By process: numbers of its lines."""

    def add(self, number: int, found: dict[str, Any]) -> None:
        """The line with this number in the log."""
        self.lines += 1
        self.last = number
        self.seconds += found["interval"]
        first, _ = self.first_and_last.get(found["pid"], (number, number))
        self.first_and_last[found["pid"]] = first, number
        for key in SUMS:
            self.sums[key] += found[key]
        for key in MOST:
            self.most[key] = max(self.most.get(key, 0), found[key] or 0)
        self._busiest(found)
        self._limit(found)
        for name, medians in self.medians.items():
            if (value := found[f"{name}_p50"]) is not None:
                medians.append(value)

    def _busiest(self, found: dict[str, Any]) -> None:
        self.interval = max(self.interval, found["interval"])
        if found["interval"] < self.interval / 2 or not found["interval"]:
            return  # a rest: too short for an average
        load = found["use_seconds"] / found["interval"]
        if load > self.load:
            self.load = load
            self.usual = int(found["needed_p99"] or 0)

    def _limit(self, found: dict[str, Any]) -> None:
        if found["in_use_max"] < found["maxsize"] or not found["waiting_max"]:
            return
        self.limited += 1
        few = found["acquires"] + found["exhausted"] < ENOUGH
        waited = found["wait_max" if few else "wait_p99"] or 0.0
        self.limited_wait = max(self.limited_wait or 0.0, waited)

    @property
    def processes(self) -> int:
        """How many wrote at once: those whose first and last lines overlap."""
        ends = [*self.first_and_last.values()]
        return max(sum(first <= at <= last for first, last in ends) for at, _ in ends)

    @property
    def profile(self) -> Profile:
        """What these lines say."""
        sums, most = self.sums, self.most
        maxsize, maxwait, expires, cleanup = self.settings
        return Profile(
            maxsize=maxsize,
            maxwait=maxwait,
            expires=expires,
            cleanup=cleanup,
            processes=self.processes,
            in_use=int(most["in_use_max"]),
            needed=int(most["needed_max"]),
            usual=self.usual,
            load=self.load,
            limited_wait=self.limited_wait,
            longest_wait=most["wait_max"],
            use=_typical(self.medians["use"]),
            opening=_typical(self.medians["open"]),
            acquires=sums["acquires"],
            waits=sums["waits"],
            exhausted=sums["exhausted"],
            rejected=sums["rejected"],
            openings=sums["openings"],
            idle_closed=sums["evicted_idle"] + sums["evicted_surplus"],
            expired=sums["evicted_expired"],
            held=sums["connection_seconds"],
            used=sums["use_seconds"],
            late_reuses=sums["late_reuses"],
            late_reuse_seconds=sums["late_reuse_seconds"],
        )


SUMS = (
    *("acquires", "waits", "exhausted", "rejected", "openings"),
    *("evicted_idle", "evicted_surplus", "evicted_expired"),
    *("connection_seconds", "use_seconds", "late_reuses", "late_reuse_seconds"),
)
MOST = ("in_use_max", "needed_max", "wait_max")


@dataclass(slots=True)
class Log:
    """What was found in a log."""

    pools: dict[str, Lines] = field(default_factory=dict)
    """By alias, with the settings that it had last."""
    superseded: int = 0
    """Lines that were written with other settings before."""
    unreadable: int = 0
    example: str = ""
    """Why one of those could not be read."""


def read(lines: Iterable[str]) -> Log:
    """Read a log, line by line."""
    log = Log()
    groups: dict[tuple[Any, ...], Lines] = {}
    for number, line in enumerate(lines):
        try:
            found = parse(line)
        except Unreadable as error:
            log.unreadable += 1
            log.example = str(error)
            continue
        if found is None:
            continue
        settings = tuple(found[name] for name in SETTINGS)
        key = (found["alias"], *settings)
        if key not in groups:
            groups[key] = Lines(found["alias"], settings)
        groups[key].add(number, found)
    for lines_of in sorted(groups.values(), key=lambda group: group.last):
        log.superseded += log.pools[lines_of.alias].lines if lines_of.alias in log.pools else 0
        log.pools[lines_of.alias] = lines_of
    return log


def _typical(medians: list[float]) -> float | None:
    return median(medians) if medians else None
