"""What all charts have in common: colours, the form of a figure, and its frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log10
from typing import Any

import altair as alt

HEIGHT = 210

# Okabe and Ito's colours, which people with any kind of colour vision tell apart. The style sheet
# of the page says what they are on white, on black and on paper.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    f"var(--{name})" for name in ("blue", "orange", "green", "red", "purple", "sky", "grey")
)
INK = "currentColor"
SERIES = (RED, ORANGE, PURPLE, BLUE, GREEN, SKY, GREY)
"""For series of which nobody knows in advance what they are."""
SOLID, DASHED, DOTTED = (1, 0), (6, 4), (2, 3)

# Everything that is not data has the colour of the text around it, in light, dark and print.
CONFIG = {
    "aria": False,  # the element around the chart has its text
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "labelFontSize": 11,
        "labelOverlap": True,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "gridColor": INK,
        "gridOpacity": 0.14,
        "domainColor": INK,
        "domainOpacity": 0.4,
        "tickColor": INK,
        "tickOpacity": 0.4,
    },
    "axisY": {"minExtent": 40},  # the same for all charts, so that their times are in line
}

ROWS = "rows"
"""Name of the data of most charts."""

Chart = Any  # alt.Chart or alt.LayerChart: Altair's types change with its versions
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Series:
    """One field of the rows, and what it looks like."""

    field: str
    name: str
    colour: str
    dash: tuple[int, int] = SOLID
    area: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title, the text that says what it shows, and its key."""

    title: str
    text: str
    spec: dict[str, Any]
    """A Vega-Lite specification."""
    key: tuple[Series, ...] = ()


def figure(
    title: str,
    text: str,
    chart: Chart,
    data: Mapping[str, Rows],
    key: Iterable[Series] = (),
    height: int = HEIGHT,
) -> Figure:
    """``chart`` as wide as the page; ``data`` by the names that its layers use."""
    sized = chart.properties(width="container", height=height).to_dict(validate=False)
    return Figure(title, text, {**sized, "datasets": data, "config": CONFIG}, tuple(key))


def folded(name: str, series: Sequence[Series]) -> Chart:
    """Of each of these rows one for each series, as ``series`` and ``value``."""
    fields: list[str | alt.FieldName] = [one.field for one in series]
    return alt.Chart(alt.NamedData(name)).transform_fold(fields, as_=["series", "value"])


def colours(series: Sequence[Series]) -> alt.Color:
    """The colour of each of ``series``. The key is made by the page: it wraps."""
    fields = [one.field for one in series]
    scale = alt.Scale(domain=fields, range=[one.colour for one in series])
    return alt.Color("series:N", scale=scale, legend=None)


def dashes(series: Sequence[Series]) -> alt.StrokeDash:
    """The dashes of each of ``series``, for those who do not see the colours."""
    fields = [one.field for one in series]
    scale = alt.Scale(domain=fields, range=[list(one.dash) for one in series])
    return alt.StrokeDash("series:N", scale=scale, legend=None)


def layers(*charts: Chart) -> Chart:
    """On top of each other, with colours and dashes of their own."""
    return alt.layer(*charts).resolve_scale(color="independent", strokeDash="independent")


STEPS = ((6, (1, 1.5, 2, 3, 4, 5, 6, 8)), (1000, (1, 2, 5)), (inf, (1,)))
"""Up to which ratio of the largest value to the smallest, ticks at which multiples of tens."""
WHOLE = alt.Axis(tickMinStep=1)
"""For counts."""


def logarithmic(values: Iterable[float | None]) -> dict[str, Any]:
    """Scale and axis for these values, those above zero, with a little room around them."""
    known = [value for value in values if value]
    low, high = (0.8 * min(known), 1.25 * max(known)) if known else (1.0, 10.0)
    tens = [10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1)]
    steps = next(steps for most, steps in STEPS if high / low < most)
    ticks = [step * ten for ten in tens for step in steps if low <= step * ten <= high]
    return {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": alt.Axis(values=ticks, format="~g" if high < 1000 else ",~f"),
    }
