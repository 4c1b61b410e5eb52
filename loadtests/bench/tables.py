"""The result for people: tables in the terminal, and the same as Markdown."""

from __future__ import annotations

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table

from .result import Found, Result
from .rows import Row

WIDE = 10_000


def show(console: Console, result: Result) -> None:
    """A table per section, how each subject was set up, and where it was measured."""
    console.print()
    for table in result.tables:
        console.print(table.section.title, style="bold", markup=False, highlight=False)
        console.print(_table(table, box.SIMPLE_HEAD), highlight=False)
    notes = Table.grid(padding=(0, 2))
    for about, text in _notes(result):
        notes.add_row(f"{about}:", text)
    console.print(notes, markup=False, highlight=False)


def markdown(result: Result) -> str:
    """The same as a document."""
    parts = ["# Micro-benchmark"]
    for table in result.tables:
        parts += [f"## {table.section.title}", as_markdown(_table(table, box.MARKDOWN))]
    parts.append("\n".join(f"- {about}: {text}" for about, text in _notes(result)))
    return "\n\n".join(parts) + "\n"


def as_markdown(table: Table) -> str:
    """A table of style ``box.MARKDOWN``, as wide as it has to be."""
    out = StringIO()
    Console(file=out, width=WIDE, color_system=None).print(table)
    return out.getvalue().strip()


def _table(found: Found, style: box.Box) -> Table:
    table = Table(box=style, pad_edge=style is box.MARKDOWN)
    numbers = ("median", "least - most", f"x {found.section.ratio_to}")
    for name in ("what", *numbers, "target"):
        right = name in numbers
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for row in found.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    if row.median is None or row.least is None or row.most is None:
        return (row.label, "-", "-", "-", f"not measured: {row.missing}")
    return (
        row.label,
        f"{_number(row.median, row)} {row.unit}".strip(),
        f"{_number(row.least, row)} - {_number(row.most, row)}",
        "" if row.ratio is None else f"{digits(row.ratio)}x",
        "; ".join(f"{target.text}: {'met' if target.met else 'MISSED'}" for target in row.targets),
    )


def _number(number: float, row: Row) -> str:
    return digits(number) if row.unit else f"{number:.4g}"  # without a unit: a count


def digits(number: float) -> str:
    """As many digits as mean something: three."""
    if number >= 1000:
        return f"{number:.0f}"
    return f"{number:#.3g}".rstrip(".")


def _notes(result: Result) -> list[tuple[str, str]]:
    """How the subjects were set up, once each, and about the run."""
    settings = dict.fromkeys((row.subject, row.settings) for row in result.rows)
    ratios = "medians of the ratios to what was measured in the same round"
    return [("ratios", ratios), *settings, *result.about()]
