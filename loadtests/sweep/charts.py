"""The charts of a sweep: what comes of maxsize, with the knee marked, and of cleanup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import altair as alt

from ..report.charts.style import (
    BLUE,
    DASHED,
    DOTTED,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    ROWS,
    SKY,
    SOLID,
    Figure,
    Series,
    colours,
    dashes,
    figure,
    folded,
    layers,
)
from ..report.numbers import number, plain
from .outcome import middle, where

Data = dict[str, Any]
Measure = Callable[[Data], float | None]
KNEE = "knee"
LINES = (
    *((BLUE, SOLID), (ORANGE, DASHED), (PURPLE, DOTTED)),
    *((GREEN, SOLID), (SKY, DASHED), (INK, DOTTED)),
)
"""For the combinations of the other settings."""
LEAST = 0.1
"""Milliseconds: shorter waits are nothing, and have no place on a logarithmic scale."""


def charts(data: Data) -> Iterator[Figure]:
    """As far as several values were tried."""
    if len(data["grid"]["maxsize"]) > 1:
        yield from _over_maxsize(data)
    for option in ("cleanup", "expires"):
        if data["knee"] and len(data["grid"][option]) > 1:
            yield _trade(data, option)


# ---- over maxsize


def _over_maxsize(data: Data) -> Iterator[Figure]:
    knee = data["knee"]
    marked = f" The knee, marked, is at {plain(knee['maxsize'])}." if knee else ""
    yield _lines(
        data,
        "Throughput",
        "Completed requests per second, over maxsize." + marked,
        "requests/s",
        lambda run: run["throughput"],
        alt.Scale(zero=True),
    )
    yield _lines(
        data,
        "Latency, p99",
        "99 % of the completed requests took at most so long, over maxsize." + marked,
        "milliseconds",
        lambda run: _milliseconds(run["latency"]["p99"]),
        alt.Scale(type="log", nice=False),
    )
    yield _lines(
        data,
        "Waiting for a connection, p99",
        f"99 % of the requests waited at most so long for a connection, over maxsize; less than "
        f"{LEAST} ms is drawn as {LEAST} ms." + marked,
        "milliseconds",
        lambda run: max(_milliseconds(run["wait"]["p99"]) or 0.0, LEAST),
        alt.Scale(type="log", nice=False),
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _lines(
    data: Data, title: str, text: str, unit: str, measure: Measure, scale: alt.Scale
) -> Figure:
    """One line for each combination of the other settings, as far as there are colours."""
    others = _others(data)
    series = [
        Series(f"line{index}", _name(data, settings), *line)
        for index, (settings, line) in enumerate(zip(others, LINES, strict=False))
    ]
    if len(others) > len(LINES):
        text += f" Shown are {len(LINES)} of {len(others)} combinations of the other settings."
    rows = [
        {
            "maxsize": maxsize,
            KNEE: data["knee"] is not None and data["knee"]["maxsize"] == maxsize,
            **{
                one.field: _value(data, {**settings, "maxsize": maxsize}, measure)
                for one, settings in zip(series, others, strict=False)
            },
        }
        for maxsize in data["grid"]["maxsize"]
    ]
    x = alt.X("maxsize:O", title="maxsize", axis=alt.Axis(labelAngle=0))
    at_knee = alt.Chart(alt.NamedData(ROWS)).transform_filter(f"datum.{KNEE}").encode(x=x)
    knee = at_knee.mark_rule(color=INK, strokeDash=[4, 3], opacity=0.7)
    name = at_knee.mark_text(color=INK).encode(y=alt.value(-7), text=alt.value(KNEE))
    drawn = (
        folded(ROWS, series)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=55))
        .encode(
            x=x,
            y=alt.Y("value:Q", title=unit, scale=scale),
            color=colours(series),
            strokeDash=dashes(series),
            tooltip=["maxsize:O", alt.Tooltip("value:Q", title=unit, format=",.1f")],
        )
    )
    key = series if len(series) > 1 else ()
    return figure(title, text, layers(knee, name, drawn), {ROWS: rows}, key)


def _others(data: Data) -> list[Data]:
    """The combinations of all settings but maxsize."""
    found = [
        {name: value for name, value in point["settings"].items() if name != "maxsize"}
        for point in data["points"]
    ]
    return [settings for index, settings in enumerate(found) if settings not in found[:index]]


def _name(data: Data, settings: Data) -> str:
    varied = [option for option in settings if len(data["grid"][option]) > 1]
    return ", ".join(f"{option} {plain(settings[option])} s" for option in varied)


def _value(data: Data, settings: Data, measure: Measure) -> float | None:
    points = where(data["points"], settings)
    return measure(middle(points[0])) if points else None


# ---- over cleanup


def _trade(data: Data, option: str) -> Figure:
    """Openings against connection-seconds, at the knee."""
    settings = {name: value for name, value in data["knee"].items() if name != option}
    rows = []
    for point in where(data["points"], settings):
        pool = middle(point)["pool"]
        rows.append(
            {
                option: f"{plain(point['settings'][option])} s",
                "openings": pool["openings"],
                "held": pool["connection_seconds"],
            }
        )
    base = alt.Chart(alt.NamedData(ROWS)).encode(
        x=alt.X(
            "openings:Q",
            title="openings",
            axis=alt.Axis(tickMinStep=1, tickCount=8),
            scale=_loose(),
        ),
        y=alt.Y("held:Q", title="connection-seconds", scale=_loose()),
    )
    lines = base.mark_line(strokeWidth=1.2, color=BLUE, opacity=0.6).encode(order="openings:Q")
    points = base.mark_point(filled=True, size=70, color=BLUE, opacity=1).encode(
        tooltip=[f"{option}:N", "openings:Q", alt.Tooltip("held:Q", format=",.0f")]
    )
    labels = base.mark_text(align="left", dx=8, dy=-8, color=INK).encode(text=f"{option}:N")
    told = "; ".join(
        f"{row[option]}: {number(row['openings'])} openings, {number(row['held'])} "
        "connection-seconds"
        for row in rows
    )
    text = (
        f"What each {option} costs in openings and in connections that are held, with maxsize "
        f"{plain(data['knee']['maxsize'])}. {told}."
    )
    title = f"Openings against connection-seconds, by {option}"
    return figure(title, text, layers(lines, points, labels), {ROWS: rows})


def _loose() -> alt.Scale:
    """Not cut at the outermost point, whose name has to fit in."""
    return alt.Scale(zero=False, nice=True, padding=40)
