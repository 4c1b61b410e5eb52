"""The charts of one run that have no time: its distribution of latency, openings and evictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from ..numbers import counts, milliseconds, number
from .style import (
    BLUE,
    INK,
    PURPLE,
    RED,
    ROWS,
    Chart,
    Figure,
    Series,
    colours,
    dashes,
    figure,
    folded,
    layers,
    logarithmic,
)
from .thin import bins

NINES = [1, 2, 10, 100, 1000, 10_000, 100_000, 1_000_000]
"""One request in so many is slower: where the axis has labels."""
LATENCY = Series("latency", "latency", BLUE)
BAR = 26
"""Height of a bar with its distance to the next."""


def totals(data: dict[str, Any]) -> Iterator[Figure]:
    """As far as there is something to show."""
    if rows(data["distribution"], LATENCY):
        yield _distribution(data)
    if data["pool"].get("acquires") is not None:
        yield _changes(data)


def rows(distribution: Sequence[Sequence[float]], series: Series) -> list[dict[str, float]]:
    """Without the slowest request of all, which has no place on a scale of shares."""
    points = [(seconds, part) for seconds, part in distribution if part < 1]
    return [
        {"slower": 1 / (1 - part), series.field: seconds * 1000}
        for seconds, part in (group[-1] for group in bins(points))
    ]


def percentiles(name: str, series: Series, y: dict[str, Any]) -> Chart:
    """Latency by percentile, with the same room for each further nine; ``y``: see logarithmic."""
    axis = alt.Axis(values=NINES, labelExpr="format(100 - 100 / datum.value, '~r') + ' %'")
    scale = alt.Scale(type="log", nice=False)
    return (
        folded(name, [series])
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("slower:Q", title="percentile", axis=axis, scale=scale),
            y=alt.Y("value:Q", title="milliseconds", **y),
            color=colours([series]),
            strokeDash=dashes([series]),
        )
    )


def _distribution(data: dict[str, Any]) -> Figure:
    latency = data["total"]["latency"]
    text = (
        f"Half of the completed requests took at most {milliseconds(latency['p50'])}, 99 % at most "
        f"{milliseconds(latency['p99'])}, the slowest {milliseconds(latency['max'])}."
    )
    points = rows(data["distribution"], LATENCY)
    readout = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_point(opacity=0, size=200)
        .encode(
            x="slower:Q",
            y="latency:Q",
            tooltip=[
                alt.Tooltip("slower:Q", title="slower: one in", format=",.0f"),
                alt.Tooltip("latency:Q", title="milliseconds", format=",.1f"),
            ],
        )
    )
    chart = layers(
        percentiles(ROWS, LATENCY, logarithmic(point["latency"] for point in points)), readout
    )
    return figure("Distribution of latency", text, chart, {ROWS: points})


def _changes(data: dict[str, Any]) -> Figure:
    pool = data["pool"]
    found = [("opened", pool["openings"], BLUE), ("failed to open", pool["open_failures"], RED)]
    colour = {"broken": RED}
    found += [
        (f"evicted: {reason}", count, colour.get(reason, PURPLE))
        for reason, count in sorted(pool["evictions"].items(), key=lambda item: -item[1])
    ]
    values = [{"name": name, "count": count, "colour": colour} for name, count, colour in found]
    base = alt.Chart(alt.NamedData(ROWS)).encode(
        x=alt.X("count:Q", axis=None),
        y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
    )
    bars = base.mark_bar(height=0.6 * BAR, opacity=0.85).encode(
        color=alt.Color("colour:N", scale=None, legend=None), tooltip=["name:N", "count:Q"]
    )
    labels = base.mark_text(align="left", dx=4, color=INK).encode(
        text=alt.Text("count:Q", format=",")
    )
    text = (
        f"{number(pool['openings'])} connections were opened, {number(pool['open_failures'])} "
        f"failed to open. Evicted: {counts(pool['evictions'])}."
    )
    chart = layers(bars, labels)
    return figure("Openings and evictions", text, chart, {ROWS: values}, height=BAR * len(values))
