"""Metrics for Prometheus: ``register()``, see docs/metrics.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple
from weakref import WeakSet

try:
    from prometheus_client import REGISTRY, CollectorRegistry
except ModuleNotFoundError as error:
    error.add_note("pip install 'django_pgpool[prometheus]'")
    raise
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from ..pool.buckets import BOUNDS
from . import readings
from .readings import Durations, Reading

ENDS = (*map(floatToGoString, BOUNDS), "+Inf")
"""Of the buckets, as Prometheus spells them in the label ``le``."""

Values = Iterable[tuple[tuple[str, ...], float]]
"""Of the labels after ``alias``, and the number."""


class Numbers(NamedTuple):
    """A gauge or a counter."""

    family: type[GaugeMetricFamily | CounterMetricFamily]
    name: str
    documentation: str
    labels: tuple[str, ...]
    of: Callable[[Reading], Values]


class Histogram(NamedTuple):
    name: str
    documentation: str
    of: Callable[[Reading], Durations]


def _one(value: Callable[[Reading], float]) -> Callable[[Reading], Values]:
    return lambda reading: [((), value(reading))]


def _each(values: Callable[[Reading], dict[str, int]]) -> Callable[[Reading], Values]:
    return lambda reading: [((name,), number) for name, number in values(reading).items()]


def _counter(name: str, documentation: str, counted: str) -> Numbers:
    return Numbers(
        CounterMetricFamily,
        name,
        documentation,
        ("alias",),
        _one(lambda reading: reading.counted[counted]),
    )


NUMBERS = (
    Numbers(
        GaugeMetricFamily,
        "django_pgpool_connections",
        "Connections by state.",
        ("alias", "state"),
        _each(lambda reading: dict(reading.states)),
    ),
    Numbers(
        GaugeMetricFamily,
        "django_pgpool_max_connections",
        "The most connections that there may be.",
        ("alias",),
        _one(lambda reading: reading.maxsize),
    ),
    Numbers(
        GaugeMetricFamily,
        "django_pgpool_pending_requests",
        "Callers that wait for a connection.",
        ("alias",),
        _one(lambda reading: reading.waiting),
    ),
    Numbers(
        CounterMetricFamily,
        "django_pgpool_evictions",
        "Connections closed, by reason.",
        ("alias", "reason"),
        _each(lambda reading: dict(reading.evictions)),
    ),
    _counter(
        "django_pgpool_timeouts",
        "Callers that got no connection within maxwait.",
        "exhausted",
    ),
    _counter(
        "django_pgpool_rejections",
        "Callers that were not allowed to wait, as maxwaiting did already.",
        "rejected",
    ),
    _counter(
        "django_pgpool_abandoned_waits",
        "Callers that were killed or timed out while they waited.",
        "abandoned",
    ),
    _counter(
        "django_pgpool_reclaimed",
        "Connections given back because their greenlet or thread had ended.",
        "reclaimed",
    ),
    _counter(
        "django_pgpool_open_failures",
        "Attempts to open a connection that failed.",
        "open_failures",
    ),
)
HISTOGRAMS = (
    Histogram(
        "django_pgpool_wait_seconds",
        "Time until a caller had a connection or an error.",
        lambda reading: reading.wait,
    ),
    Histogram(
        "django_pgpool_use_seconds",
        "Time for which connections were held.",
        lambda reading: reading.use,
    ),
    Histogram(
        "django_pgpool_create_seconds",
        "Time that opening a connection took.",
        lambda reading: reading.create,
    ),
)


class PoolCollector:
    """Tells of the pools of this process when it is asked. Opens no connection."""

    def collect(self) -> Iterator[Metric]:
        """Every metric there is, also while it has no value yet."""
        taken = readings.read()
        for numbers in NUMBERS:
            family = numbers.family(numbers.name, numbers.documentation, labels=numbers.labels)
            for reading in taken:
                for labels, value in numbers.of(reading):
                    family.add_metric((reading.alias, *labels), value)
            yield family
        for histogram in HISTOGRAMS:
            told = HistogramMetricFamily(histogram.name, histogram.documentation, labels=["alias"])
            for reading in taken:
                durations = histogram.of(reading)
                buckets = zip(ENDS, accumulate(durations.counts), strict=True)
                told.add_metric([reading.alias], list(buckets), durations.seconds)
            yield told


_registered: WeakSet[CollectorRegistry] = WeakSet()


def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Begin to count, and have ``registry`` tell of it.

    In the multiprocess mode of prometheus_client, which the environment variable
    PROMETHEUS_MULTIPROC_DIR switches on, the numbers of each process go into its files there, and
    ``registry`` is left alone. Call it once gevent has patched the process and before the first
    query, as in ``AppConfig.ready()``; a second call does nothing. Raises ValueError where
    PROMETHEUS_MULTIPROC_DIR is no directory.
    """
    if {"PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"} & os.environ.keys():
        from .prometheus_files import mirror

        mirror()
    elif registry not in _registered:
        registry.register(PoolCollector())
        _registered.add(registry)
    readings.begin()
