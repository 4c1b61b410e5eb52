"""The knee: the smallest maxsize from which on more connections stop helping.

The rule follows that of one standard error (Breiman, Friedman, Olshen, Stone, Classification and
Regression Trees, 1984, section 3.4.3): of all choices that are as good as the best one within what
chance may do, the most modest. Looking for the point of the largest curvature instead (Satopaa et
al., Finding a Kneedle in a Haystack, 2011) needs a smooth curve of many points; in five noisy ones
it finds the noise.
"""

from __future__ import annotations

from typing import Any

from .outcome import failed, middle, p99, spread

THROUGHPUT = 0.02
"""So much less than the best is as good."""
ERRORS = 0.001
"""So many more failed requests, as a share of all, are as good as the fewest."""
LATENCY = 0.25
"""So much more than the lowest p99 is as good; or as much as the p99 of that point differed from
run to run, if that was more."""
WAITING = 0.1
"""Where 99 % wait for a connection for a smaller part of the p99 of the latency than this, more
connections have nothing left to win."""


def knee(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Of points with runs that differ in maxsize alone, ascending: the one at the knee."""
    runs = [middle(point) for point in points]
    best = max(run["throughput"] for run in runs)
    fewest = min(map(failed, runs))
    fastest = min(range(len(runs)), key=lambda index: p99(runs[index]))
    low, high = spread(points[fastest])
    lowest = p99(runs[fastest])
    allowed = max(lowest * (1 + LATENCY), lowest + (high - low))
    for point, run in zip(points, runs, strict=True):
        if (
            run["throughput"] >= best * (1 - THROUGHPUT)
            and failed(run) <= fewest + ERRORS
            and (p99(run) <= allowed or _waits_little(run))
        ):
            return point
    return points[fastest]


def _waits_little(run: dict[str, Any]) -> bool:
    return bool((run["wait"]["p99"] or 0.0) <= WAITING * p99(run))
