"""What engines are compared by, and where a run's data (format 2) has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number per run; None where a run has none."""

    key: str
    label: str
    unit: str
    find: Callable[[Data], float | None]
    more: bool = False
    """More is better; less is, otherwise."""
    cost: bool = False
    """What it costs; what the visitors get of it, otherwise."""
    note: str = ""
    """What a reader has to know of it."""

    def better(self, one: float, other: float) -> bool:
        """``one`` is better than ``other``."""
        return one > other if self.more else one < other


def _errors(data: Data) -> float:
    errors: Mapping[str, int] = data["total"]["errors"]
    return sum(errors.values())


def _milliseconds(what: str, percentile: str) -> Callable[[Data], float | None]:
    def find(data: Data) -> float | None:
        seconds = data["total"][what][percentile]
        return None if seconds is None else seconds * 1000

    return find


def _pool(key: str) -> Callable[[Data], float | None]:
    return lambda data: data["pool"].get(key)


def _held(data: Data) -> float | None:
    held, ideal = data["pool"]["connection_seconds"], data["pool"].get("ideal_connection_seconds")
    return held / ideal if held is not None and ideal else None


def _cpu(*parts: str) -> Callable[[Data], float | None]:
    def find(data: Data) -> float | None:
        seconds: list[float | None] = [data["cpu"].get(part) for part in parts]
        completed: int = data["total"]["completed"]
        if seconds[0] is None or not completed:
            return None
        return sum(filter(None, seconds)) * 1000 / completed

    return find


METRICS = (
    Metric("throughput", "done", "/s", lambda data: data["total"]["throughput"], more=True),
    Metric("errors", "errors", "", _errors),
    *(
        Metric(percentile, percentile, "ms", _milliseconds("latency", percentile))
        for percentile in ("p50", "p90", "p99", "max")
    ),
    Metric(
        "wait",
        "wait p99",
        "ms",
        _milliseconds("wait", "p99"),
        note="until ensure_connection() returns. Behind PgBouncer a client waits later, in its "
        "first statement, so that only the latency shows it.",
    ),
    Metric(
        "peak",
        "connections",
        "",
        _pool("peak_server"),
        cost=True,
        note="the most at a time, as the server counts them",
    ),
    Metric(
        "held",
        "held / needed",
        "",
        _held,
        cost=True,
        note="connection-seconds at the server, as a multiple of those that the requests needed: "
        "one connection each as long as it wanted or used one, at most maxsize at a time. Below 1 "
        "where requests spend long without the session they want.",
    ),
    Metric(
        "openings",
        "opened",
        "",
        _pool("sessions"),
        cost=True,
        note="sessions that the server has begun",
    ),
    Metric(
        "client",
        "client CPU",
        "ms",
        _cpu("site"),
        cost=True,
        note="milliseconds per completed request",
    ),
    Metric(
        "server",
        "server CPU",
        "ms",
        _cpu("server", "pgbouncer"),
        cost=True,
        note="milliseconds per completed request; PostgreSQL's and PgBouncer's",
    ),
)
