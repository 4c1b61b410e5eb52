"""Durations counted in buckets with fixed bounds, from the beginning: what metrics systems take."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. Each bucket ends with its bound, that included; the last one has none."""


class Buckets:
    """Recording takes no lock, and neither switches nor raises."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        """How many durations each bucket has got."""
        self.seconds = 0.0
        """All durations, added up."""

    def record(self, seconds: float) -> None:
        """Count one duration."""
        number = bisect_left(BOUNDS, seconds)
        self.counts[number] += 1  # since the last call no other thread gets in
        self.seconds += seconds
