"""The numbers of this process in the files of prometheus_client's multiprocess mode.

There whoever is scraped tells of all processes, and reads what each has written into its own files;
a collector would know its own process only. What has changed is written once a second while the
process has connections, and once more when it has none any more: no acquire pays for it, and a
process without connections is not woken.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Any

from prometheus_client import Counter, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import ValueClass

from .. import registry
from ..pool import Event, Pool
from ..pool.reaper import NEVER, Reaper
from ..pool.runtime import allocate_lock, current_runtime
from ..process import after_fork_in_child, at_exit
from . import readings
from .prometheus import ENDS, HISTOGRAMS, NUMBERS, Histogram, Numbers
from .readings import Reading

INTERVAL = 1.0
"""Seconds."""


class Mirror:
    """Of one process; a forked child needs one of its own."""

    def __init__(self) -> None:
        lock = allocate_lock()
        self._reaper = Reaper(current_runtime(), lock, monotonic, self._step, self._next_due)
        self._written_at = -NEVER
        self._changed = False
        """Something has happened since the last writing."""
        self._quiet = True
        self._told: dict[Any, float] = {}

    def observe(self, event: Event) -> None:
        """Of every pool: from quiet to connections there is an event."""
        self._changed = True
        self._reaper.wake_at(self._due())

    def write(self) -> None:
        """What has changed since the last time."""
        self._changed = False
        self._written_at = monotonic()
        taken = readings.read()
        for reading in taken:
            for numbers in NUMBERS:
                for labels, value in numbers.of(reading):
                    self._tell(_value(numbers, (reading.alias, *labels)), value)
            for histogram in HISTOGRAMS:
                self._tell_durations(histogram, reading)
        self._quiet = all(reading.is_quiet for reading in taken)

    def _tell_durations(self, histogram: Histogram, reading: Reading) -> None:
        durations, *values = histogram.of(reading), *_histogram_values(histogram, reading.alias)
        for value, number in zip(values, (*durations.counts, durations.seconds), strict=True):
            self._tell(value, number)

    def _tell(self, value: Any, number: float) -> None:
        told = self._told.get(value, 0)
        if number == told:
            return
        # Files may hold what an earlier process of this pid has counted.
        if isinstance(value, Gauge):
            value.set(number)
        else:
            value.inc(number - told)
        self._told[value] = number

    def _step(self, late: float) -> None:
        with suppress(OSError):  # a full disk: it is tried again
            self.write()

    def _due(self) -> float:
        return max(monotonic(), self._written_at + INTERVAL)

    def _next_due(self, now: float) -> float:
        return NEVER if self._quiet and not self._changed else self._due()


@cache
def _metric(numbers: Numbers) -> Counter | Gauge:
    if numbers.family is CounterMetricFamily:
        return Counter(numbers.name, numbers.documentation, numbers.labels, registry=None)
    return Gauge(
        numbers.name,
        numbers.documentation,
        numbers.labels,
        registry=None,
        multiprocess_mode="livesum",  # what a process has that is no more, nobody has
    )


@cache
def _value(numbers: Numbers, labels: tuple[str, ...]) -> Any:
    return _metric(numbers).labels(*labels)


@cache
def _histogram_values(histogram: Histogram, alias: str) -> list[Any]:
    """One for each bucket, and one for the sum, as prometheus_client's own histogram has them; that
    takes durations only one by one."""
    name, text = histogram.name, histogram.documentation
    buckets = [
        ValueClass("histogram", name, f"{name}_bucket", ("alias", "le"), (alias, end), text)
        for end in ENDS
    ]
    return [*buckets, ValueClass("histogram", name, f"{name}_sum", ("alias",), (alias,), text)]


_mirror: Mirror | None = None


def mirror() -> None:
    """Begin with it, in this process and in those that it forks. A second call does nothing.
    ValueError where PROMETHEUS_MULTIPROC_DIR is no directory."""
    global _mirror  # noqa: PLW0603  there is one
    MultiProcessCollector(None)  # type: ignore[no-untyped-call]  # raises it
    if _mirror is None:
        _mirror = Mirror()
        registry.watch(_watch)
        at_exit(_write)
        after_fork_in_child(_after_fork_in_child)


def _watch(pool: Pool[Any]) -> None:
    pool.observe(_observe)


def _observe(event: Event) -> None:
    if _mirror is not None:
        _mirror.observe(event)


def _write() -> None:
    if _mirror is not None:
        with suppress(OSError):
            _mirror.write()


def _after_fork_in_child() -> None:
    global _mirror  # noqa: PLW0603  there is one
    _mirror = Mirror()
