"""Two runs side by side: what differs between them, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from . import tables
from .charts.overlaid import overlaid
from .numbers import NONE, number, short
from .page import render
from .summary import notes
from .tables import Row, Table

Data = dict[str, Any]
Value = float | None
SIDES = ("A", "B")
SMALLEST = 0.00005
"""Seconds that are shown as 0.0 ms."""


def html(a: Data, b: Data, names: Sequence[str]) -> str:
    """The page; ``names`` says what the runs are called."""
    return render(
        "pair.html",
        list(overlaid(a, b, events(a, b))),
        runs=[
            {
                "side": side,
                "name": name,
                "data": data,
                "began": datetime.fromisoformat(data["began"]),
                "notes": notes(data),
            }
            for side, name, data in zip(SIDES, names, (a, b), strict=True)
        ],
        tables=compared(a, b),
        alike=a["scenario"]["name"] == b["scenario"]["name"],
    )


def compared(a: Data, b: Data) -> list[Table]:
    """All that has numbers, for the page and the terminal."""
    found = [differences(a, b)]
    if a["events"] or b["events"]:
        found.append(tables.events({"events": events(a, b)}))
    return [
        *found,
        _phases(a, b, "Throughput and errors", RATES),
        _phases(a, b, "Latency, ms", _milliseconds("latency", "p50", "p99", "max")),
        _phases(a, b, "Waiting for a connection, ms", _milliseconds("wait", "p50", "p99", "max")),
        _whole(a, b),
    ]


def events(a: Data, b: Data) -> list[Data]:
    """Those of both, in the order of time."""
    both = zip(SIDES, (a, b), strict=True)
    found = [
        {"at": event["at"], "name": f"{side}: {event['name']}"}
        for side, data in both
        for event in data["events"]
    ]
    return sorted(found, key=lambda event: event["at"])


def differences(a: Data, b: Data) -> Table:
    """Settings, parameters, versions and machine, as far as they differ."""
    facts = [dict(_facts(data)) for data in (a, b)]
    rows = []
    for name in {**facts[0], **facts[1]}:
        values = [known.get(name, NONE) for known in facts]
        if values[0] != values[1]:
            rows.append((name, *values))
    if not rows:
        rows = [("nothing", "the same settings, load, versions and machine", "")]
    return Table("What differs", tuple(rows), ("setting", *SIDES), words=2)


def _facts(data: Data) -> Iterator[tuple[str, str]]:
    yield "engine", data["engine"]["name"]
    yield "scenario", data["scenario"]["name"]
    yield "length", f"{data['seconds']:.0f} s"
    for table in (tables.settings, tables.load, tables.versions, tables.machine):
        for name, value in table(data).rows:
            if name != LATE:
                yield name, value


LATE = "requests left late, p99"
"""A result, not a setting."""

Measure = tuple[str, Callable[[Data], Value], Callable[[Value], str]]


def _one_digit(value: Value) -> str:
    return NONE if value is None else f"{value:.1f}"


RATES: tuple[Measure, ...] = (
    ("offered/s", lambda phase: phase["offered"] / (phase["seconds"] or 1), _one_digit),
    ("done/s", lambda phase: phase["throughput"], _one_digit),
    ("errors", lambda phase: sum(phase["errors"].values()), number),
)


def _milliseconds(measure: str, *percentiles: str) -> tuple[Measure, ...]:
    def value(percentile: str) -> Callable[[Data], Value]:
        return lambda phase: phase[measure][percentile]

    return tuple((percentile, value(percentile), short) for percentile in percentiles)


def _phases(a: Data, b: Data, title: str, measures: Sequence[Measure]) -> Table:
    """Per phase that both have: each measure of A and of B, and their ratio."""
    parts = tables.parts(a), tables.parts(b)
    rows = []
    for name in parts[0]:
        if name in parts[1]:
            cells: list[str] = []
            for _, value, form in measures:
                first, second = value(parts[0][name]), value(parts[1][name])
                cells += [form(first), form(second), ratio(first, second)]
            rows.append((name, *cells))
    head = ("phase", *(*SIDES, "B / A") * len(measures))
    return Table(title, tuple(rows), head, tuple((name, 3) for name, *_ in measures))


def ratio(a: Value, b: Value) -> str:
    """How many times ``a`` is ``b``; none of what is shown as zero."""
    return f"{b / a:.2f}" if a and b is not None and a >= SMALLEST else NONE


def _whole(a: Data, b: Data) -> Table:
    rows: list[Row] = []
    for name, value in WHOLE:
        first, second = value(a), value(b)
        if first is not None or second is not None:
            form = _one_digit if isinstance(first or second, float) else number
            rows.append((name, form(first), form(second), ratio(first, second)))
    head = ("count", *SIDES, "B / A")
    return Table("Connections, CPU time and memory", tuple(rows), head)


def _counted(name: str) -> Callable[[Data], Value]:
    return lambda data: data["pool"].get(name)


def _cpu(name: str) -> Callable[[Data], Value]:
    return lambda data: data["cpu"][name]


def _memory(data: Data) -> Value:
    return data["memory"]["peak"] / 2**20 if data.get("memory") else None


WHOLE: tuple[tuple[str, Callable[[Data], Value]], ...] = (
    ("connections at most, the server's count", _counted("peak_server")),
    ("connection-seconds held", _counted("connection_seconds")),
    ("connection-seconds needed", _counted("ideal_connection_seconds")),
    ("waiting at most", _counted("peak_waiting")),
    ("had to wait", _counted("waits")),
    ("connections opened", _counted("openings")),
    ("failed to open", _counted("open_failures")),
    ("CPU seconds: load generator", _cpu("load")),
    ("CPU seconds: site", _cpu("site")),
    ("CPU seconds: PostgreSQL", _cpu("server")),
    ("memory of the site at most, MiB", _memory),
)
