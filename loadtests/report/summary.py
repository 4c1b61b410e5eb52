"""The run at a glance, for the page and the terminal alike."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from . import tables
from .numbers import milliseconds, number
from .tables import Table, limit

LATE = 0.02
"""Seconds of delay in the driver of load from which its latencies need a word of warning."""


def tiles(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The most important values and what they are."""
    total, pool = data["total"], data["pool"]
    found = [
        (number(total["completed"]), f"of {number(total['offered'])} requests completed"),
        (number(sum(total["errors"].values())), "errors"),
        (milliseconds(total["latency"]["p99"]), "latency, p99"),
        (milliseconds(total["wait"]["p99"]), "waited for a connection, p99"),
        (f"{number(pool['peak_server'])} of {limit(data)}", "connections at most"),
    ]
    held, needed = pool["connection_seconds"], pool["ideal_connection_seconds"]
    if held is not None and needed:
        found.append(
            (f"{held / needed:.1f} \N{MULTIPLICATION SIGN}", "the connection time needed was held")
        )
    return [*found, (number(pool["end_server"]), "connections at the end")]


def notes(data: dict[str, Any]) -> list[str]:
    """What a reader has to know before the numbers."""
    found = []
    if data["failure"]:
        found.append(f"The run failed after {data['seconds']:.1f} s: {data['failure']}")
    if data["interrupted"]:
        found.append(f"The run was interrupted after {data['seconds']:.1f} s.")
    late = data["driver"]["delay"]["p99"]
    if late is not None and late > LATE:
        found.append(
            f"The driver of load did not keep up: 1 % of the requests left more than "
            f"{milliseconds(late)} late. The latencies include this delay."
        )
    return found


def print_summary(console: Console, data: dict[str, Any]) -> None:
    """The summary of the report, in the terminal."""
    console.print()
    for note in notes(data):
        console.print(note, style="bold red", markup=False, highlight=False)
    for value, name in tiles(data):
        console.print(f"{value:>10}  {name}", markup=False, highlight=False)
    shown = [tables.phases(data), tables.connections(data), tables.pool(data), tables.cpu(data)]
    if data["events"]:
        shown.insert(0, tables.events(data))
    if data.get("recommendation"):
        shown.append(tables.recommendation(data))
    for table in shown:
        print_table(console, table)
    console.print()


def print_table(console: Console, table: Table) -> None:
    """``table`` with its title."""
    drawn = RichTable(box=None, pad_edge=False, show_header=bool(table.head))
    heads = _heads(table) if table.head else [""] * len(table.rows[0])
    for place, head in enumerate(heads):
        drawn.add_column(Text(head), justify="right" if place in table.numeric else "left")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    console.print()
    console.print(table.title, style="bold", markup=False, highlight=False)
    console.print(drawn)


def _heads(table: Table) -> list[str]:
    """Names of the columns; the title of a group stands above the first of its columns."""
    heads = list(table.head)
    column = 1
    for title, span in table.groups:
        for place in range(column, column + span):
            heads[place] = f"{title if place == column else ''}\n{heads[place]}"
        column += span
    return heads
