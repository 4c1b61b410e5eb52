"""The charts over time of one run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import altair as alt

from ..numbers import milliseconds, number
from ..tables import limit
from .seconds import kinds, per_second, step
from .style import (
    BLUE,
    DASHED,
    DOTTED,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    ROWS,
    SERIES,
    WHOLE,
    Figure,
    Series,
    figure,
    logarithmic,
)
from .thin import Row, largest, means, only, spans, step_of
from .timeline import Timeline

RATES = (Series("offered", "offered", GREY, DASHED), Series("completed", "completed", BLUE))
LATENCIES = (
    Series("max", "max", RED, DOTTED),
    Series("p99", "p99", ORANGE),
    Series("p90", "p90", BLUE, DASHED),
    Series("p50", "p50", GREEN),
)
STATES = (
    Series("in_use", "in use", BLUE, area=True),
    Series("idle", "idle", GREEN, area=True),
    Series("opening", "opening", ORANGE, area=True),
    Series("closing", "closing", PURPLE, area=True),
)
SERVER = Series("server", "counted by the server", INK)
NEEDED = Series("needed", "needed by requests, on average", INK, DOTTED)
WAITING = Series("waiting", "waiting", RED, area=True)
CHURN = (Series("opened", "opened", ORANGE), Series("evicted", "evicted", PURPLE, DASHED))


def over_time(data: dict[str, Any]) -> Iterator[Figure]:
    """Load, connections, waiting, latency, errors, openings and evictions, as far as known."""
    timeline, rows = Timeline.of(data), per_second(data)
    yield _requests(data, timeline, rows)
    if data["series"]["samples"]:
        yield _connections(data, timeline)
    if data["pool"].get("peak_waiting") is not None:
        yield _waiting(data, timeline)
    if any(row["max"] is not None for row in rows):
        yield _latency(data, timeline, rows)
    if kinds(data):
        yield _errors(data, timeline, rows)
    if any(sample["openings"] is not None for sample in data["series"]["samples"]):
        yield _churn(data, timeline)


def _requests(data: dict[str, Any], timeline: Timeline, rows: list[Row]) -> Figure:
    total = data["total"]
    most = max((row["completed"] for row in rows), default=0)
    text = (
        f"{number(total['offered'])} requests offered, {number(total['completed'])} completed, "
        f"at most {number(most)} in one second.{step(rows)}"
    )
    chart = timeline.frame(timeline.lines(RATES, "requests/s"), timeline.readout(RATES, ",.1f"))
    return figure("Offered load and throughput", text, chart, timeline.data(rows=rows), RATES)


def _connections(data: dict[str, Any], timeline: Timeline) -> Figure:
    samples, most = data["series"]["samples"], limit(data)
    rows = spans(largest(samples, lambda sample: sample["server"] or 0), data["seconds"])
    needed = spans(means(samples, "needed", step_of(data["seconds"])), data["seconds"])
    states = STATES if data["pool"].get("peak_size") is not None else ()
    allowed = Series("allowed", f"maxsize: {most}", RED, DASHED)
    scale = alt.Scale(domain=[0, 1.12 * max(most, data["pool"]["peak_server"] or 0)], nice=False)
    text = (
        f"The server counted {number(data['pool']['peak_server'])} connections at most and "
        f"{number(data['pool']['end_server'])} at the end; {most} were allowed."
    )
    chart = timeline.frame(
        *([timeline.areas(states, "connections", scale=scale, axis=WHOLE)] if states else []),
        timeline.lines([SERVER], "connections", "all", scale=scale, axis=WHOLE),
        timeline.lines([NEEDED], "connections", "needed", scale=scale, axis=WHOLE),
        timeline.level(most, allowed),
        timeline.readout((*states, SERVER), name="all"),
    )
    key = (*states, SERVER, *([NEEDED] if needed else []), allowed)
    stacked = only(rows, *(state.field for state in states))
    shown = timeline.data(all=rows, needed=needed, **({ROWS: stacked} if states else {}))
    return figure("Connections by state", text, chart, shown, key)


def _waiting(data: dict[str, Any], timeline: Timeline) -> Figure:
    samples = largest(data["series"]["samples"], lambda sample: sample["waiting"] or 0)
    rows = only(spans(samples, data["seconds"]), WAITING.field)
    most = data["pool"]["peak_waiting"]
    text = (
        f"{number(most)} requests waited at once, at most, as far as the samples show; 1 % of all "
        f"waited {milliseconds(data['total']['wait']['p99'])} or longer."
    )
    chart = timeline.frame(
        timeline.areas(
            (WAITING,), "requests", scale=alt.Scale(domain=[0, max(1, most)]), axis=WHOLE
        ),
        timeline.readout((WAITING,)),
    )
    return figure("Waiting for a connection", text, chart, timeline.data(rows=rows), (WAITING,))


def _latency(data: dict[str, Any], timeline: Timeline, rows: list[Row]) -> Figure:
    latency = data["total"]["latency"]
    latencies = [row[name] for row in rows for name in ("p50", "max")]
    text = (
        "Counted from the moment a request was due. Over the whole run "
        + ", ".join(f"{name} {milliseconds(value)}" for name, value in latency.items())
        + f".{step(rows)}"
    )
    chart = timeline.frame(
        timeline.lines(LATENCIES, "milliseconds", **logarithmic(latencies)),
        timeline.readout(LATENCIES, ",.1f"),
    )
    return figure("Latency of completed requests", text, chart, timeline.data(rows=rows), LATENCIES)


def _errors(data: dict[str, Any], timeline: Timeline, rows: list[Row]) -> Figure:
    found = kinds(data)
    series = tuple(
        Series(f"kind{place}", kind, SERIES[place % len(SERIES)], area=True)
        for place, kind in enumerate(found)
    )
    shown = [
        {
            "at": row["at"],
            "until": row["until"],
            **{f"kind{place}": row["errors"].get(kind, 0) for place, kind in enumerate(found)},
        }
        for row in rows
    ]
    text = "; ".join(f"{kind}: {number(data['total']['errors'][kind])}" for kind in found)
    chart = timeline.frame(timeline.areas(series, "errors/s"), timeline.readout(series, ",.1f"))
    return figure("Errors by kind", f"{text}.", chart, timeline.data(rows=shown), series)


def _churn(data: dict[str, Any], timeline: Timeline) -> Figure:
    """From running totals."""
    rows = [
        {
            "at": before["at"],
            "until": after["at"],
            "opened": (after["openings"] - before["openings"]) / (after["at"] - before["at"]),
            "evicted": (after["evictions"] - before["evictions"]) / (after["at"] - before["at"]),
        }
        for before, after in pairwise(_seconds_apart(data["series"]["samples"]))
    ]
    pool = data["pool"]
    text = (
        f"{number(pool['openings'])} connections opened, "
        f"{number(sum(pool['evictions'].values()))} evicted."
    )
    chart = timeline.frame(timeline.lines(CHURN, "connections/s"), timeline.readout(CHURN, ",.1f"))
    return figure("Openings and evictions over time", text, chart, timeline.data(rows=rows), CHURN)


def _seconds_apart(samples: list[Row]) -> Iterator[Row]:
    """One sample per second, or fewer in long runs; rates over less would be spikes."""
    apart, due = step_of(samples[-1]["at"]), 0.0
    for sample in samples:
        if sample["at"] >= due and None not in (sample["openings"], sample["evictions"]):
            due = sample["at"] + apart
            yield sample
