"""Quantiles by HdrHistogram: to 1 %, in little memory, whatever is recorded."""

from __future__ import annotations

from collections import deque

from hdrh.histogram import HdrHistogram

DIGITS = 2
HIGHEST = 3_600_000_000
"""An hour in microseconds."""
AT_ONCE = 4096
QUANTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}


class Histogram:
    """What was recorded since the last look, as counts of ``unit`` (a microsecond of the seconds
    that durations are, or 1).

    Recording takes no lock, as little time as can be, and never switches: values are collected,
    and counted many at a time, by one thread.
    """

    __slots__ = ("_collected", "_counted", "_counting", "_most", "_unit")

    def __init__(self, unit: float) -> None:
        self._unit = unit
        self._collected: deque[float] = deque()
        self._counting = False
        self._begin()

    def _begin(self) -> None:
        self._counted = HdrHistogram(1, HIGHEST, DIGITS)
        self._most = 0.0

    def record(self, value: float) -> None:
        self._collected.append(value)
        if len(self._collected) >= AT_ONCE:
            self._count()

    def take(self) -> dict[str, float | None]:
        """The quantiles and ``max`` of what was recorded, and begin anew. None: there was nothing.
        What another thread is just counting is left for the next time."""
        self._count()
        counted, most = self._counted, self._most
        self._begin()
        if not counted.get_total_count():
            return dict.fromkeys([*QUANTILES, "max"])
        found = counted.get_percentile_to_value_dict(list(QUANTILES.values()))
        # The histogram's steps may end above the largest value.
        quantiles = {
            name: min(found[percent] * self._unit, most) for name, percent in QUANTILES.items()
        }
        return {**quantiles, "max": most}

    def _count(self) -> None:
        if self._counting:
            return
        self._counting = True  # since the question no other thread got in
        try:
            while self._collected:
                value = self._collected.popleft()
                self._most = max(self._most, value)
                self._counted.record_value(min(round(value / self._unit), HIGHEST))
        finally:
            self._counting = False
