"""What is kept of the runs of a sweep: plain data, as in its JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..advice import Profile
from ..advice.from_run import profile_of
from .grid import Settings

Data = dict[str, Any]
POOL = (
    *("acquires", "waits", "wait_seconds_max", "exhausted", "openings", "evictions"),
    *("peak_server", "peak_waiting", "connection_seconds", "ideal_connection_seconds"),
)


def outcome(data: Data) -> Data:
    """Of a run, from its results (format 2)."""
    total, profile = data["total"], profile_of(data)
    return {
        "seconds": data["seconds"],
        **{key: total[key] for key in ("offered", "completed", "throughput", "errors")},
        **{key: total[key] for key in ("latency", "wait", "use")},
        "pool": {key: data["pool"][key] for key in POOL},
        "cpu": data["cpu"],
        "delay": data["driver"]["delay"],
        "profile": asdict(profile) if profile else None,
    }


def middle(point: Data) -> Data:
    """Of a point, the run that speaks for it: that whose p99 of the latency is the median. Whole
    and consistent, and one run in which something else disturbed does not count."""
    runs = sorted(point["runs"], key=p99)
    return dict(runs[(len(runs) - 1) // 2])


def p99(run: Data) -> float:
    """Of the latency; endless where nothing was completed."""
    value = run["latency"]["p99"]
    return float("inf") if value is None else float(value)


def spread(point: Data) -> tuple[float, float]:
    """The lowest and the highest p99 of its runs."""
    values = [p99(run) for run in point["runs"]]
    return min(values), max(values)


def failed(run: Data) -> float:
    """The share of requests that did not succeed."""
    return sum(run["errors"].values()) / run["offered"] if run["offered"] else 0.0


def profile(run: Data) -> Profile | None:
    """How the pool was used in a run."""
    return Profile(**run["profile"]) if run["profile"] else None


def where(points: list[Data], settings: Settings) -> list[Data]:
    """Those of the points that were run and have these settings, among others."""
    return [
        point
        for point in points
        if point["runs"] and all(point["settings"][name] == settings[name] for name in settings)
    ]
