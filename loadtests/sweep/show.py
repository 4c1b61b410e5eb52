"""A sweep as a page and in the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console

from ..report.numbers import milliseconds
from ..report.page import render
from ..report.summary import LATE, print_table
from . import tables
from .charts import charts

Data = dict[str, Any]


def html(data: Data) -> str:
    """The page."""
    return render(
        "sweep.html",
        list(charts(data)),
        data=data,
        began=datetime.fromisoformat(data["began"]),
        notes=notes(data),
        summary=tables.summary(data),
        facts=tables.facts(data),
    )


def notes(data: Data) -> list[str]:
    """What a reader has to know before the numbers."""
    runs = len(runs_of(data))
    of = f"after {runs} of {len(data['points']) * data['rounds']} runs"
    found = []
    if data["failure"]:
        found.append(f"The sweep failed {of}: {data['failure']}")
    if data["interrupted"]:
        found.append(f"The sweep was interrupted {of}.")
    late = sum((run["delay"]["p99"] or 0.0) > LATE for run in runs_of(data))
    if late:
        found.append(
            f"In {late} of {runs} runs the driver of load did not keep up: 1 % of the requests "
            f"left more than {milliseconds(LATE)} late. The latencies include this delay."
        )
    scale = data["scenario"]["parameters"].get("scale", 1)
    if scale != 1:
        found.append(
            f"expires and cleanup are {scale:g} times what was asked for, as are the runs."
        )
    return found


def runs_of(data: Data) -> list[Data]:
    """All of them, whatever their settings."""
    return [run for point in data["points"] for run in point["runs"]]


def print_summary(console: Console, data: Data) -> None:
    """What the page says, without the charts."""
    console.print()
    for note in notes(data):
        console.print(note, style="bold red", markup=False, highlight=False)
    for table in reversed(tables.summary(data)):
        print_table(console, table)
    console.print()
