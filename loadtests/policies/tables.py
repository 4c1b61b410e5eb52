"""The result for people: tables in the terminal, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from ..bench.tables import as_markdown
from .judge import Row, Worth
from .result import Result

_SUMMARY = ("policy", "held", "wait", "openings", "p99 worse in", "frontier")
_DETAIL = (
    "opening",
    "policy",
    "p50 ms",
    "p99 ms",
    "max ms",
    "held / needed",
    "openings",
    "left",
    "frontier",
    "p99 by phase",
)
_LEFT = ("policy", "opening", "p99 by phase")

Section = tuple[str, Callable[[box.Box], Table]]


def show(console: Console, result: Result) -> None:
    """What each policy is worth, then everything trace by trace, then notes."""
    console.print()
    for title, table in _sections(result):
        console.print(title, style="bold", markup=False, highlight=False)
        console.print(table(box.SIMPLE_HEAD), highlight=False)
    notes = Table.grid(padding=(0, 2))
    for about, text in result.about():
        notes.add_row(f"{about}:", text)
    console.print(notes, markup=False, highlight=False)


def markdown(result: Result) -> str:
    """The same as a document."""
    parts = ["# When to open and when to close a connection: one run"]
    parts.append("\n".join(f"- {about}: {text}" for about, text in result.about()))
    for title, table in _sections(result):
        parts += [f"## {title}", as_markdown(table(box.MARKDOWN))]
    return "\n\n".join(parts) + "\n"


def _sections(result: Result) -> Iterator[Section]:
    for (side, connect), worths in groupby(result.worth, lambda worth: (worth.side, worth.connect)):
        yield f"{side}, over all traces, an opening costs: {connect}", _summary(list(worths))
    for (side, trace), rows in groupby(result.rows, lambda row: (row.side, row.trace)):
        found = list(rows)
        phases = " / ".join(found[0].phases)
        yield f"{side}: {trace} (p99 by phase: {phases})", _detail(found)


def _summary(worths: Sequence[Worth]) -> Callable[[box.Box], Table]:
    rows = [
        (
            worth.policy,
            f"{worth.held:.2f}x",
            f"{worth.wait:.2f}x",
            f"{worth.openings:.2f}x",
            f"{worth.worse} of {worth.phases}",
            "*" if worth.frontier else "",
        )
        for worth in worths
    ]
    return lambda style: _table(_SUMMARY, rows, style)


def _detail(rows: Sequence[Row]) -> Callable[[box.Box], Table]:
    cells = [
        (
            row.connect,
            row.policy,
            f"{row.p50:.1f}",
            f"{row.p99:.1f}",
            f"{row.worst:.1f}",
            f"{row.held:.2f}",
            f"{row.openings:.1f}",
            str(row.left),
            "*" if row.frontier else "",
            _by_phase(row),
        )
        for row in rows
    ]
    return lambda style: _table(_DETAIL, cells, style)


def _by_phase(row: Row) -> str:
    return " / ".join(f"{p99:.1f}" for p99 in row.phases.values())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], style: box.Box) -> Table:
    table = Table(box=style, pad_edge=style is box.MARKDOWN)
    for name in head:
        left = name in _LEFT
        table.add_column(name, justify="left" if left else "right", no_wrap=not left)
    for row in rows:
        table.add_row(*row)
    return table
