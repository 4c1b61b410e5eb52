"""The verdict as tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from .compare import Verdict


def print_verdict(console: Console, verdict: Verdict) -> None:
    _print_table(
        console,
        "Differences",
        ("test", "stock", "django_pgpool"),
        ((each.test, str(each.stock), str(each.pooled)) for each in verdict.different),
    )
    known = ((each.test, each.reason) for each in verdict.known)
    _print_table(console, "Known differences", ("test", "why"), known)
    for entry in verdict.stale:
        console.print(f"error: known.toml has {entry.test}, which is no difference", style="red")
    if verdict.both:
        kinds = ", ".join(f"{count} {kind}" for kind, count in verdict.both.most_common())
        console.print(f"fail with both engines: {kinds}")
    console.print(
        f"{verdict.tests} tests with each engine, {len(verdict.different)} differences, "
        f"{len(verdict.known)} known ones, {len(verdict.stale)} stale in the list"
    )


def _print_table(
    console: Console, title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> None:
    table = Table(title=title, title_justify="left", show_lines=True)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if table.row_count:
        console.print(table)
