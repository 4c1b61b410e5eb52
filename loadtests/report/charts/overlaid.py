"""The charts of two runs on top of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..numbers import milliseconds, number
from .seconds import per_second
from .style import BLUE, DASHED, RED, WHOLE, Figure, Series, figure, layers, logarithmic
from .thin import Row, largest, spans
from .timeline import Timeline
from .totals import percentiles, rows

Run = dict[str, Any]
A, B = Series("a", "A", BLUE), Series("b", "B", RED, DASHED)


def overlaid(a: Run, b: Run, events: list[dict[str, Any]]) -> Iterator[Figure]:
    """What both runs know; ``events`` are those of both."""
    pair = _Pair(a, b, events)
    p99 = pair.each(lambda run: run["total"]["latency"]["p99"], milliseconds)
    done = pair.each(lambda run: run["total"]["completed"], number)
    most = pair.each(lambda run: run["pool"]["peak_server"], number)
    seconds = {"a": per_second(a), "b": per_second(b)}
    yield pair.figure(
        "Throughput", f"Requests completed: {done}", "requests/s", "completed", seconds
    )
    latencies = [row["p99"] for found in seconds.values() for row in found]
    if any(latencies):
        yield pair.figure(
            "Latency, p99 of each second",
            f"p99 of the whole run: {p99}",
            "milliseconds",
            "p99",
            seconds,
            **logarithmic(latencies),
        )
    yield pair.figure(
        "Connections, counted by the server",
        f"At most: {most}",
        "connections",
        "server",
        {"a": _samples(a, "server"), "b": _samples(b, "server")},
        axis=WHOLE,
    )
    if all(run["pool"].get("peak_waiting") is not None for run in (a, b)):
        most = pair.each(lambda run: run["pool"]["peak_waiting"], number)
        yield pair.figure(
            "Waiting for a connection",
            f"At most, as far as the samples show: {most}",
            "requests",
            "waiting",
            {"a": _samples(a, "waiting"), "b": _samples(b, "waiting")},
            axis=WHOLE,
        )
    points = {"a": rows(a["distribution"], A), "b": rows(b["distribution"], B)}
    if all(points.values()):
        y = logarithmic(row[name] for name, found in points.items() for row in found)
        chart = layers(*(percentiles(one.field, one, y) for one in (A, B)))
        yield figure("Distribution of latency", f"p99: {p99}", chart, points, (A, B))


class _Pair:
    """Charts over the time of both runs, from the start of each."""

    def __init__(self, a: Run, b: Run, events: list[dict[str, Any]]) -> None:
        self._runs = (a, b)
        phases, other = (run["scenario"]["phases"] for run in (a, b))
        self._timeline = Timeline(
            max(a["seconds"], b["seconds"]), phases if phases == other else (), events
        )

    def each(self, read: Callable[[Run], Any], form: Callable[[Any], str]) -> str:
        """A number of both, in words."""
        a, b = (form(read(run)) for run in self._runs)
        return f"A {a}, B {b}."

    def figure(
        self, title: str, text: str, unit: str, field: str, rows: dict[str, list[Row]], **y: Any
    ) -> Figure:
        """``field`` of the rows of both, which go by the names ``a`` and ``b``."""
        data = {
            name: [{"at": row["at"], "until": row["until"], name: row[field]} for row in found]
            for name, found in rows.items()
        }
        lines = [self._timeline.lines([one], unit, one.field, **y) for one in (A, B)]
        chart = self._timeline.frame(*lines)
        return figure(title, text, chart, self._timeline.data(**data), (A, B))


def _samples(run: Run, field: str) -> list[Row]:
    found = largest(run["series"]["samples"], lambda sample: sample[field] or 0)
    return spans(found, run["seconds"])
