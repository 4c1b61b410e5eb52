"""The result for people: tables in the terminal, and the same as Markdown."""

from __future__ import annotations

from io import StringIO
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from .result import Result
from .rows import Row

HEAD = ("what", "median", "least - most", "ratio", "target")
WIDE = 10_000


def show(console: Console, result: Result) -> None:
    """A table per section, how each subject was set up, and where it was measured."""
    console.print()
    for section, rows in groupby(result.rows, lambda row: row.section):
        console.print(section, style="bold", markup=False, highlight=False)
        console.print(_table(list(rows), box.SIMPLE_HEAD), highlight=False)
    notes = Table.grid(padding=(0, 2))
    for about, text in _notes(result):
        notes.add_row(f"{about}:", text)
    console.print(notes, markup=False, highlight=False)


def markdown(result: Result) -> str:
    """The same as a document."""
    parts = ["# Micro-benchmark"]
    for section, rows in groupby(result.rows, lambda row: row.section):
        parts += [f"## {section}", as_markdown(_table(list(rows), box.MARKDOWN))]
    parts.append("\n".join(f"- {about}: {text}" for about, text in _notes(result)))
    return "\n\n".join(parts) + "\n"


def as_markdown(table: Table) -> str:
    """A table of style ``box.MARKDOWN``, as wide as it has to be."""
    out = StringIO()
    Console(file=out, width=WIDE, color_system=None).print(table)
    return out.getvalue().strip()


def _table(rows: list[Row], style: box.Box) -> Table:
    table = Table(box=style, pad_edge=style is box.MARKDOWN)
    for name in HEAD:
        right = name in HEAD[1:4]
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    if row.median is None or row.least is None or row.most is None:
        return (row.label, "-", "-", "-", f"not measured: {row.missing}")
    return (
        row.label,
        f"{digits(row.median)} {row.unit}",
        f"{digits(row.least)} - {digits(row.most)}",
        "" if row.ratio is None else f"{digits(row.ratio)}x",
        "; ".join(f"{target.text}: {'met' if target.met else 'MISSED'}" for target in row.targets),
    )


def digits(number: float) -> str:
    """As many digits as mean something: three."""
    if number >= 1000:
        return f"{number:.0f}"
    return f"{number:#.3g}".rstrip(".")


def _notes(result: Result) -> list[tuple[str, str]]:
    """What the ratios are to, how the subjects were set up, once each, and about the run."""
    settings = dict.fromkeys((row.subject, row.settings) for row in result.rows)
    bases = (
        "to the floor in the same process; under Django to django_pgpool,"
        " with a statement to reset=never; of the same round"
    )
    return [("ratio", bases), *settings, *result.about()]
