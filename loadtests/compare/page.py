"""The comparison as one self-contained page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..report import tables as of_a_run
from ..report.page import render
from . import tables
from .charts import charts

Data = dict[str, Any]


def html(data: Data) -> str:
    """The page of a comparison's data."""
    parts = [
        {
            "name": part["scenario"]["name"],
            "title": tables.title(part),
            "description": part["scenario"]["description"],
            "numbers": tables.numbers(data, part),
            "tables": [_balance(data, part), *_errors(part)],
            "figures": charts(data, part),
        }
        for part in data["parts"]
    ]
    return render(
        "compare.html",
        [figure for part in parts for figure in part["figures"]],
        data=data,
        began=datetime.fromisoformat(data["began"]),
        notes=tables.notes(data),
        legend=tables.LEGEND,
        parts=parts,
        facts=[_metrics(data), _engines(data)],
        columns=[of_a_run.versions(data), of_a_run.machine(data)],
    )


def _balance(data: Data, part: Data) -> of_a_run.Table:
    found = tables.balances(data, part)
    return of_a_run.Table(
        f"{part['scenario']['name']}: what django_pgpool loses and wins",
        tuple((one.label, one.loses, one.wins) for one in found),
        ("beside", "loses, ours : theirs", "wins"),
        words=2,
    )


def _errors(part: Data) -> list[of_a_run.Table]:
    """None where there were none."""
    found = tables.errors(part)
    title = f"{part['scenario']['name']}: errors in all rounds"
    return [of_a_run.Table(title, tuple(found))] if found else []


def _metrics(data: Data) -> of_a_run.Table:
    notes = ((metric["label"], metric["note"]) for metric in data["metrics"] if metric["note"])
    return of_a_run.Table("What the numbers are", tuple(notes))


def _engines(data: Data) -> of_a_run.Table:
    return of_a_run.Table(
        "How each was set up", tuple(tables.engines(data)), ("engine", "settings", "after"), words=2
    )
