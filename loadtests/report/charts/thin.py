"""Long runs: as many points as a chart can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

POINTS = 600

Row = dict[str, Any]


def bins(rows: Sequence[Row], points: int = POINTS) -> Iterator[Sequence[Row]]:
    """Neighbours together, so that there are at most ``points`` groups."""
    size = -(-len(rows) // points) or 1
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def largest(rows: Sequence[Row], key: Callable[[Row], float]) -> list[Row]:
    """Of neighbours the one where ``key`` is largest: peaks stay."""
    return [{**max(group, key=key), "at": group[0]["at"]} for group in bins(rows)]


def spans(rows: Sequence[Row], end: float) -> list[Row]:
    """The rows with ``until``, the time of the next one or the end."""
    ends = [*(row["at"] for row in rows[1:]), end]
    return [{**row, "until": until} for row, until in zip(rows, ends, strict=True)] if rows else []
