"""The charts of a comparison, one part's."""

from __future__ import annotations

from typing import Any

import altair as alt

from ..report.charts.style import (
    BLUE,
    DASHED,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    ROWS,
    SERIES,
    SOLID,
    Figure,
    Series,
    colours,
    dashes,
    figure,
    logarithmic,
)

Data = dict[str, Any]

LATENCIES = (
    Series("p50", "p50", GREEN, area=True),
    Series("p90", "p90", BLUE, area=True),
    Series("p99", "p99", ORANGE, area=True),
    Series("max", "max", PURPLE, area=True),
)
CPU = (
    Series("client", "client", BLUE, area=True),
    Series("server", "server, and PgBouncer", ORANGE, area=True),
)
LINES = [(colour, SOLID) for colour in SERIES] + [(colour, DASHED) for colour in (BLUE, GREEN, INK)]
"""For as many engines as there are; those that are dashed are not next to their like."""
ROW = 24
"""Pixels for each engine."""


def charts(data: Data, part: Data) -> list[Figure]:
    """Latency and CPU by engine, and connections over time."""
    engines = [engine for engine in part["engines"] if engine["runs"]]
    name = part["scenario"]["name"]
    return [
        _latency(name, engines),
        _connections(name, engines, data["reference"]),
        _cpu(name, engines),
    ]


def _by_engine(engines: list[Data]) -> alt.Y:
    names = [engine["name"] for engine in engines]
    return alt.Y("engine:N", title=None, sort=names, axis=alt.Axis(labelLimit=170))


def _bars(
    title: str, text: str, chart: Any, engines: list[Data], series: tuple[Series, ...]
) -> Figure:
    data = {ROWS: _medians(engines, series)}
    return figure(title, text, chart, data, series, ROW * len(engines))


def _medians(engines: list[Data], series: tuple[Series, ...]) -> list[Data]:
    return [
        {"engine": engine["name"], "series": one.field, "value": figures[one.field]["median"]}
        for engine in engines
        for one in series
        if one.field in (figures := engine["figures"])
    ]


def _latency(name: str, engines: list[Data]) -> Figure:
    values = [row["value"] for row in _medians(engines, LATENCIES)]
    chart = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_tick(thickness=4, size=ROW * 0.7)
        .encode(
            x=alt.X("value:Q", title="milliseconds", **logarithmic(values)),
            y=_by_engine(engines),
            color=colours(LATENCIES),
            tooltip=["engine:N", "series:N", alt.Tooltip("value:Q", format=".3r")],
        )
    )
    text = "Medians of the rounds, from the moment a request was due. Further left is better."
    return _bars(f"{name}: latency", text, chart, engines, LATENCIES)


def _connections(name: str, engines: list[Data], reference: str) -> Figure:
    """Of the first round: medians over time would show what no round was like."""
    series = tuple(
        Series(engine["name"], engine["name"], *LINES[index % len(LINES)])
        for index, engine in enumerate(engines)
    )
    rows = [
        {"at": sample["at"], "series": engine["name"], "value": sample["server"]}
        for engine in engines
        for sample in engine["runs"][0]["series"]["samples"]
        if sample["server"] is not None
    ]
    own = f"datum.series == '{reference}' ? 3 : 1.3"
    chart = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_line(interpolate="step-after")
        .transform_calculate(width=own)
        .encode(
            x=alt.X("at:Q", title="seconds"),
            y=alt.Y(
                "value:Q",
                title="connections",
                scale=alt.Scale(type="symlog"),
                axis=alt.Axis(values=[0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]),
            ),
            color=colours(series),
            strokeDash=dashes(series),
            strokeWidth=alt.StrokeWidth("width:Q", scale=None, legend=None),
            tooltip=["at:Q", "series:N", "value:Q"],
        )
    )
    text = (
        "As the server itself counts them, in the first round; on a scale that shows few and many."
    )
    return figure(f"{name}: connections", text, chart, {ROWS: rows}, series)


def _cpu(name: str, engines: list[Data]) -> Figure:
    chart = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title="milliseconds of CPU per completed request", stack="zero"),
            y=_by_engine(engines),
            color=colours(CPU),
            tooltip=["engine:N", "series:N", alt.Tooltip("value:Q", format=".3r")],
        )
    )
    text = "Medians of the rounds; the load generator is in the client's process. Less is better."
    return _bars(f"{name}: CPU", text, chart, engines, CPU)
