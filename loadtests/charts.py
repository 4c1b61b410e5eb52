"""The charts of the report, as Vega-Lite specifications made with Altair."""

from __future__ import annotations

from typing import Any

import altair as alt

HEIGHT = 210
STATES = {"in use": "#3b7dd8", "idle": "#5aab61", "opening": "#e8a33d", "closing": "#b86fc6"}
LINES = {"offered": "#8a8f98", "completed": "#3b7dd8", "errors": "#d64545"}
LATENCIES = {"p50": "#5aab61", "p90": "#3b7dd8", "p99": "#e8a33d", "max": "#d64545"}
COUNTS = {"maxsize": "#d64545", "counted by the server": "#8a8f98"}
WAITING = "#d64545"

# Everything that is not data has the colour of the text around it, in light, dark and print.
CONFIG = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "titleFontWeight": "normal",
        "gridColor": "currentColor",
        "gridOpacity": 0.18,
        "domainColor": "currentColor",
        "domainOpacity": 0.4,
        "tickColor": "currentColor",
        "tickOpacity": 0.4,
    },
    "axisY": {"minExtent": 36},  # the same for all charts, so that their times are in line
    "legend": {"labelColor": "currentColor"},
}

Chart = Any  # alt.Chart or alt.LayerChart: Altair's types change with its versions


def charts(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Specifications by the title of the chart."""
    bands, names = _phases(data)
    made = {
        "Requests per second": _requests(data),
        "Connections by state": _connections(data),
        "Waiting for a connection": _waiting(data),
        "Latency, from the moment the request was due": _latency(data),
    }
    return {title: _finish(bands + chart + names) for title, chart in made.items()}


def _finish(chart: Chart) -> dict[str, Any]:
    sized = chart.resolve_scale(color="independent").properties(width="container", height=HEIGHT)
    return {**sized.to_dict(), "config": CONFIG}


def _time(data: dict[str, Any], field: str = "at") -> alt.X:
    end = data["seconds"]
    return alt.X(f"{field}:Q", title="seconds", scale=alt.Scale(domain=[0, end], nice=False))


def _phases(data: dict[str, Any]) -> tuple[Chart, Chart]:
    """A band to go behind every other phase, and the names to go on top."""
    rows, begin = [], 0.0
    for number, name in enumerate(data["phases"]):
        end = begin + data["phases"][name]["seconds"]
        rows.append({"at": begin, "end": end, "name": name, "shade": 0.07 * (number % 2)})
        begin = end
    base = alt.Chart(alt.Data(values=rows)).encode(x=_time(data))
    bands = base.mark_rect(color="currentColor").encode(
        x2="end:Q", opacity=alt.Opacity("shade:Q", scale=None, legend=None)
    )
    names = base.mark_text(align="left", dx=4, y=9, fontSize=11, color="currentColor").encode(
        text="name:N"
    )
    return bands, names


def _colours(colours: dict[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("series:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def _long(rows: list[dict[str, Any]], at: str, names: list[str]) -> alt.Data:
    """One row per time and series, which is the form that Vega-Lite wants."""
    return alt.Data(
        values=[
            {"at": row[at], "series": name, "value": row[name]} for row in rows for name in names
        ]
    )


def _requests(data: dict[str, Any]) -> Chart:
    rows = [{**second, "errors": sum(second["errors"].values())} for second in _whole_seconds(data)]
    return (
        alt.Chart(_long(rows, "second", list(LINES)))
        .mark_line(interpolate="step-after", strokeWidth=1.8)
        .encode(
            x=_time(data),
            y=alt.Y("value:Q", title="requests/s"),
            color=_colours(LINES),
            tooltip=["at:Q", "series:N", "value:Q"],
        )
    )


def _connections(data: dict[str, Any]) -> Chart:
    samples = [{**sample, "in use": sample["in_use"]} for sample in data["series"]["samples"]]
    top = 1.15 * max(data["settings"]["maxsize"], data["pool"]["peak_server"] or 0)
    areas = (
        alt.Chart(_long(samples, "at", list(STATES)))
        .mark_area(interpolate="step-after", opacity=0.85)
        .encode(
            x=_time(data),
            y=alt.Y("value:Q", stack="zero", title="connections", scale=alt.Scale(domain=[0, top])),
            color=_colours(STATES),
            order=alt.Order("rank:Q"),
            tooltip=["at:Q", "series:N", "value:Q"],
        )
        .transform_calculate(rank=f"indexof({list(STATES)}, datum.series)")
    )
    lines = (
        alt.Chart(alt.Data(values=_counted(data)))
        .mark_line(interpolate="step-after", strokeWidth=1.5)
        .encode(
            x=_time(data),
            y="value:Q",
            color=_colours(COUNTS),
            strokeDash=alt.StrokeDash("series:N", legend=None),
        )
    )
    return (areas + lines).resolve_scale(color="independent")


def _counted(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The limit, and how many connections the server itself saw."""
    limit, server = COUNTS
    maxsize, end = data["settings"]["maxsize"], data["seconds"]
    return [
        *({"at": at, "series": limit, "value": maxsize} for at in (0, end)),
        *(
            {"at": sample["at"], "series": server, "value": sample["server"]}
            for sample in data["series"]["samples"]
        ),
    ]


def _waiting(data: dict[str, Any]) -> Chart:
    top = max(1, data["pool"]["peak_waiting"])
    whole = alt.Axis(tickMinStep=1)
    return (
        alt.Chart(alt.Data(values=data["series"]["samples"]))
        .mark_area(interpolate="step-after", color=WAITING, opacity=0.7, line={"color": WAITING})
        .encode(
            x=_time(data),
            y=alt.Y("waiting:Q", title="callers", scale=alt.Scale(domain=[0, top]), axis=whole),
            tooltip=["at:Q", "waiting:Q"],
        )
    )


def _latency(data: dict[str, Any]) -> Chart:
    rows = [
        {
            "second": second["second"],
            **{name: value and value * 1000 for name, value in second["latency"].items()},
        }
        for second in _whole_seconds(data)
    ]
    return (
        alt.Chart(_long(rows, "second", list(LATENCIES)))
        .mark_line(interpolate="step-after", strokeWidth=1.8)
        .encode(
            x=_time(data),
            y=alt.Y("value:Q", title="milliseconds", scale=alt.Scale(type="log")),
            color=_colours(LATENCIES),
            tooltip=["at:Q", "series:N", alt.Tooltip("value:Q", format=".1f")],
        )
    )


def _whole_seconds(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Without the last, cut one, whose rates would be too low."""
    return [
        second for second in data["series"]["seconds"] if second["second"] + 1 <= data["seconds"]
    ]
