"""The frame of the charts over time: phases, events, and a readout of all values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from .style import INK, ROWS, Chart, Rows, Series, colours, dashes, folded, layers
from .thin import Row, closed

UNITS = ((2 * 3600, 3600, "hours"), (600, 60, "minutes"), (0, 1, "seconds"))
"""From how many seconds on which unit is shown."""
CLOSE = 0.03
"""Share of the time within which the numbers of two events would overlap."""
NUMBERED = 20
"""More events than these are not numbered: nobody could read it."""


class Timeline:
    """The time of one run, from its start. Rows have their time in ``at`` and its end in ``until``,
    both in seconds."""

    def __init__(
        self, seconds: float, phases: Sequence[Row] = (), events: Sequence[Row] = ()
    ) -> None:
        self._seconds = seconds
        self._phases = phases
        self._events = events
        _, self._factor, self._unit = next(unit for unit in UNITS if seconds >= unit[0])

    @classmethod
    def of(cls, data: dict[str, Any]) -> Timeline:
        """That of a run."""
        return cls(data["seconds"], data["scenario"]["phases"], data["events"])

    def data(self, **rows: Rows) -> dict[str, Rows]:
        """What the layers of a chart show, by name, together with phases and events."""
        shown: dict[str, Rows] = {name: list(closed(one)) for name, one in rows.items()}
        shown |= {"phases": self._bands(), "events": self._numbered()}
        return {
            name: [
                {**row, "at": row["at"] / self._factor, "until": row["until"] / self._factor}
                for row in one
            ]
            for name, one in shown.items()
        }

    def frame(self, *charts: Chart) -> Chart:
        """``charts`` above the phases and under the events."""
        base = alt.Chart(alt.NamedData("phases")).encode(x=self._x())
        room = f"(datum.until - datum.at) / {self._end} * width - 8"
        bands = base.mark_rect(color=INK).encode(
            x2="until:Q", opacity=alt.Opacity("shade:Q", scale=None, legend=None)
        )
        names = base.mark_text(
            align="left", dx=4, fontSize=11, color=INK, limit=alt.ExprRef(room)
        ).encode(y=alt.value(-7), text="name:N")
        return layers(bands, names, *charts, *(self._marks() if self._events else ()))

    def lines(self, series: Sequence[Series], title: str, name: str = ROWS, **y: Any) -> Chart:
        """A line for each of ``series``; ``y`` goes to its axis."""
        return (
            folded(name, series)
            .mark_line(interpolate="step-after", strokeWidth=1.8, clip=True)
            .encode(
                x=self._x(),
                y=alt.Y("value:Q", title=title, **y),
                color=colours(series),
                strokeDash=dashes(series),
            )
        )

    def areas(self, series: Sequence[Series], title: str, **y: Any) -> Chart:
        """The values of ``series`` stacked."""
        fields = [one.field for one in series]
        return (
            folded(ROWS, series)
            .transform_calculate(rank=f"indexof({fields}, datum.series)")
            .mark_area(interpolate="step-after", opacity=0.65, clip=True)
            .encode(
                x=self._x(),
                y=alt.Y("value:Q", stack="zero", title=title, **y),
                color=colours(series),
                order=alt.Order("rank:Q"),
            )
        )

    def level(self, value: float, series: Series) -> Chart:
        """A limit that does not change."""
        data = alt.Data(values=[{"value": value}])  # type: ignore[no-untyped-call]  # not annotated
        return (
            alt.Chart(data)
            .mark_rule(color=series.colour, strokeDash=list(series.dash), strokeWidth=1.5)
            .encode(y="value:Q")
        )

    def readout(self, series: Sequence[Series], form: str = ",.0f", name: str = ROWS) -> Chart:
        """All values of the moment under the pointer."""
        shown = [alt.Tooltip("at:Q", title=self._unit, format=".1f")]
        shown += [alt.Tooltip(f"{one.field}:Q", title=one.name, format=form) for one in series]
        return (
            alt.Chart(alt.NamedData(name))
            .mark_rect(opacity=0)
            .encode(x=self._x(), x2="until:Q", tooltip=shown)
        )

    @property
    def _end(self) -> float:
        return self._seconds / self._factor

    def _x(self) -> alt.X:
        scale = alt.Scale(domain=[0, self._end], nice=False)
        axis = alt.Axis(tickMinStep=1) if self._end > 5 else alt.Axis()
        return alt.X("at:Q", title=self._unit, scale=scale, axis=axis)

    def _bands(self) -> list[Row]:
        """The phases that were begun; every other one is shaded."""
        rows: list[Row] = []
        begin = 0.0
        for place, phase in enumerate(self._phases):
            until = min(begin + phase["seconds"], self._seconds)
            if until > begin:
                shade = 0.07 * (place % 2)
                rows.append({"at": begin, "until": until, "name": phase["name"], "shade": shade})
            begin = until
        return rows

    def _numbered(self) -> list[Row]:
        """Events that are too close for a number each have theirs together at the first."""
        rows: list[Row] = []
        first: Row | None = None
        for number, event in enumerate(self._events, 1):
            row = {"at": event["at"], "until": event["at"], "name": event["name"], "number": ""}
            rows.append(row)
            if first is None or row["at"] - first["at"] > CLOSE * self._seconds:
                first = row
            first["number"] = f"{first['number']} {number}".strip()
        return rows

    def _marks(self) -> list[Chart]:
        """The events, with the numbers of their table."""
        base = alt.Chart(alt.NamedData("events")).encode(
            x=self._x(), tooltip=[alt.Tooltip("at:Q", title=self._unit, format=".1f"), "name:N"]
        )
        rules = base.mark_rule(color=INK, strokeDash=[3, 3], strokeWidth=1.2)
        if len(self._events) > NUMBERED:
            return [rules]
        numbers = base.mark_text(align="left", dx=3, fontSize=11, fontWeight="bold", color=INK)
        return [rules, numbers.encode(y=alt.value(7), text="number:N")]
