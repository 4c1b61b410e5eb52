"""Rows as charts need them: not too many, and each with its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from statistics import fmean
from typing import Any, TypeVar

POINTS = 600

Row = dict[str, Any]
One = TypeVar("One")


def step_of(seconds: float) -> float:
    """Seconds of a step, for what is a rate or a mean: one, or more in long runs."""
    return max(1.0, seconds / POINTS)


def bins(rows: Sequence[One], points: int = POINTS) -> Iterator[Sequence[One]]:
    """Neighbours together, so that there are at most ``points`` groups."""
    size = -(-len(rows) // points) or 1
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def largest(rows: Sequence[Row], key: Callable[[Row], float]) -> list[Row]:
    """Of neighbours the one where ``key`` is largest: peaks stay."""
    return [max(group, key=key) | {"at": group[0]["at"]} for group in bins(rows)]


def spans(rows: Sequence[Row], end: float) -> list[Row]:
    """The rows with ``until``, the time of the next one or the end."""
    ends = [*(row["at"] for row in rows[1:]), end]
    return [{**row, "until": until} for row, until in zip(rows, ends, strict=True)] if rows else []


def only(rows: Sequence[Row], *fields: str) -> list[Row]:
    """The rows with nothing but these fields: what is unknown of others does not matter then."""
    return [{name: row[name] for name in ("at", "until", *fields)} for row in rows]


def closed(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """With one more row where a value ends: steps last until then and not only to their start."""
    for row, after in zip_longest(rows, rows[1:]):
        yield row
        if after is None or any(after[key] is None for key in row if row[key] is not None):
            yield {**row, "at": row["until"]}


def means(rows: Sequence[Row], field: str, seconds: float) -> list[Row]:
    """The mean of ``field`` in each stretch of so many seconds."""
    found = []
    for start, group in groupby(rows, lambda row: row["at"] // seconds * seconds):
        values = [row[field] for row in group if row[field] is not None]
        if values:
            found.append({"at": start, field: fmean(values)})
    return found
