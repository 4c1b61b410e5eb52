"""What was counted per second, as rows for the charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .thin import Row, bins

SHOWN = ("p50", "p90", "p99", "max")
"""Percentiles per second. Beyond p99 most seconds have too few requests."""


def per_second(data: dict[str, Any]) -> list[Row]:
    """Rates and latencies (milliseconds) by time. In long runs several seconds become one row:
    the mean of their rates, the worst of their latencies."""
    return [_row(group) for group in bins(_whole(data))]


def step(rows: Sequence[Row]) -> str:
    """A word of warning where a row is more than a second."""
    seconds = rows[0]["until"] - rows[0]["at"] if rows else 1
    return f" Each step is {seconds:.0f} s: mean rates, latencies of the worst second." * (
        seconds > 1
    )


def kinds(data: dict[str, Any]) -> list[str]:
    """The kinds of errors there were, the most frequent first."""
    return [kind for kind, count in Counter(data["total"]["errors"]).most_common() if count]


def _whole(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Without the last, cut one, whose rates would be too low."""
    found = data["series"]["seconds"]
    return [second for second in found if _end(second) <= data["seconds"] + 0.05]


def _end(row: Row) -> float:
    return float(row["second"] + row["seconds"])


def _row(group: Sequence[dict[str, Any]]) -> Row:
    length, errors = sum(row["seconds"] for row in group), Counter[str]()
    for row in group:
        errors.update(row["errors"])
    return {
        "at": group[0]["second"],
        "until": _end(group[-1]),
        "offered": sum(row["offered"] for row in group) / length,
        "completed": sum(row["completed"] for row in group) / length,
        "errors": {kind: count / length for kind, count in errors.items()},
        **{name: _worst(row["latency"][name] for row in group) for name in SHOWN},
    }


def _worst(values: Any) -> float | None:
    """In milliseconds."""
    worst = max((value for value in values if value is not None), default=None)
    return None if worst is None else worst * 1000
