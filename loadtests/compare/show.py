"""The comparison in the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ..bench.tables import as_markdown
from .tables import LEGEND, Cell, Numbers, balances, engines, errors, notes, numbers, title

Data = dict[str, Any]
WIDTH = 150
"""Of the table where there is no terminal to fit into."""


def show(console: Console, data: Data) -> None:
    """The same as in the page, without the charts."""
    for note in notes(data):
        console.print(note, style="bold red", markup=False, highlight=False)
    for part in data["parts"]:
        console.print()
        console.print(title(part), style="bold", markup=False, highlight=False)
        for table in numbers(data, part):
            console.print(table.title, markup=False, highlight=False)
            console.print(_numbers(table, box.SIMPLE_HEAD, "\n"), highlight=False)
        console.print(_balance(data, part, box.SIMPLE_HEAD), highlight=False)
        for line in _errors(part):
            console.print(line, markup=False, highlight=False)
    console.print(LEGEND, markup=False, highlight=False)
    console.print()
    for line in _notes(data):
        console.print(line, markup=False, highlight=False)


def markdown(data: Data) -> str:
    """The same as a document."""
    parts = ["# Comparison", *notes(data)]
    for part in data["parts"]:
        parts += [
            f"## {title(part)}",
            *(
                f"{table.title}\n\n{as_markdown(_numbers(table, box.MARKDOWN, '<br>'))}"
                for table in numbers(data, part)
            ),
            as_markdown(_balance(data, part, box.MARKDOWN)),
            *_errors(part),
        ]
    parts += [LEGEND, "\n".join(f"- {line}" for line in _notes(data))]
    return "\n\n".join(parts) + "\n"


def _numbers(numbers: Numbers, style: box.Box, below: str) -> Table:
    table = Table(box=style, pad_edge=style is box.MARKDOWN)
    table.add_column("engine", overflow="fold")
    for name in numbers.head:
        table.add_column(name, justify="right", overflow="fold")
    for row in numbers.rows:
        if not row.missing:
            table.add_row(row.label, *(_text(cell, below) for cell in row.cells))
    return table


def _text(cell: Cell, below: str) -> str:
    return below.join(filter(None, [cell.marked, cell.spread]))


def _balance(data: Data, part: Data, style: box.Box) -> Table:
    table = Table(box=style, pad_edge=style is box.MARKDOWN)
    for name in ("beside", "django_pgpool loses, ours : theirs", "wins"):
        table.add_column(name)
    for balance in balances(data, part):
        table.add_row(balance.label, balance.loses, balance.wins)
    return table


def _errors(part: Data) -> list[str]:
    return [f"errors in all rounds, {label}: {kinds}" for label, kinds in errors(part)]


def _notes(data: Data) -> Iterator[str]:
    """How it was measured, and what the numbers are."""
    yield from (
        f"{metric['label']}: {metric['note']}" for metric in data["metrics"] if metric["note"]
    )
    yield from (f"{label}: {about} ({where})" for label, about, where in engines(data))
    versions = ", ".join(f"{name} {text}" for name, text in data["versions"].items())
    machine = ", ".join(f"{name} {text}" for name, text in data["machine"].items())
    yield f"began: {data['began']}; {data['seconds']:.0f} s; rounds: {data['rounds']}"
    yield f"versions: {versions}"
    yield f"machine: {machine}"
    yield f"command: {data['command']}"
