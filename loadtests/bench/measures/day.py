"""A day of a site in less than a minute: a morning, a peak, an evening, a night."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import count
from time import monotonic
from typing import Any

import gevent

from ...arrivals import Phase, poisson
from . import Round
from .django_wrapper import wrapper
from .fresh import empty_pool
from .quantiles import p99

STATEMENT = "SELECT pg_sleep(0.03)"
PHASES = (
    Phase("morning", 10, 5, 5),
    Phase("peak", 10, 150, 150),
    Phase("evening", 15, 5, 5),
    Phase("night", 5, 0, 0),
)
SECONDS = sum(phase.seconds for phase in PHASES)
IDLE = 3.0
"""Seconds after which an idle connection is to be closed; and in one more it must be."""


def prepare(database: dict[str, Any], end: str, green: bool, limit: int) -> Round:
    """Metrics: ``morning``, ``peak`` and ``evening``: p99 in milliseconds, from the moment that a
    request was due; ``needed``: connection-seconds; ``left_at``: moment at which all connections
    should be closed. ``end``: the method that gives the connection back; ``limit``: of the pool."""
    wrapper(database, green)
    seeds = count()

    def measure(seconds: float) -> dict[str, float]:
        day = _Day(end, seconds / SECONDS, random.Random(next(seeds)))
        with empty_pool() as alias:
            return day.run(alias, limit)

    return measure


class _Day:
    """One day, ``scale`` times as long as PHASES."""

    def __init__(self, end: str, scale: float, chance: random.Random) -> None:
        self._end = end
        self._scale = scale
        self._chance = chance
        self._present: list[tuple[float, float]] = []
        """When each request was due and when it was served."""
        self._took: defaultdict[str, list[float]] = defaultdict(list)
        """Seconds from the one to the other, by phase."""

    def run(self, alias: str, limit: int) -> dict[str, float]:
        """The metrics."""
        requests = []
        began = monotonic()
        for phase in PHASES:
            scaled = Phase(phase.name, phase.seconds * self._scale, phase.start, phase.end)
            for at in poisson(scaled, self._chance):
                _sleep_until(began + at)
                requests.append(gevent.spawn(self._request, alias, phase.name, began + at))
            began += scaled.seconds
            _sleep_until(began)
        gevent.joinall(requests, raise_error=True)
        left_at = max(served for _, served in self._present) + IDLE + 1
        _sleep_until(left_at + 0.1)  # with a sample in between
        return {
            **{phase: p99(took) * 1000 for phase, took in self._took.items()},
            "needed": needed_seconds(self._present, limit),
            "left_at": left_at,
        }

    def _request(self, alias: str, phase: str, due: float) -> None:
        from django.db import connections

        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(STATEMENT)
        getattr(connection, self._end)()
        served = monotonic()
        self._present.append((due, served))
        self._took[phase].append(served - due)


def needed_seconds(present: list[tuple[float, float]], limit: int) -> float:
    """Connection-seconds for requests that are there from one moment to another: one connection
    for each at any time, at most ``limit``."""
    steps = sorted([(begin, 1) for begin, _ in present] + [(end, -1) for _, end in present])
    total, there, former = 0.0, 0, steps[0][0]
    for at, change in steps:
        total += min(there, limit) * (at - former)
        there, former = there + change, at
    return total


def _sleep_until(moment: float) -> None:
    gevent.sleep(max(moment - monotonic(), 0))
