"""The verdict as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from .compare import Verdict


def print_verdict(console: Console, verdict: Verdict) -> None:
    if verdict.different:
        table = Table("test", "stock", "django_pgpool", title="Differences", title_justify="left")
        for different in verdict.different:
            table.add_row(different.test, str(different.stock), str(different.pooled))
        console.print(table)
    if verdict.known:
        table = Table("test", "why", title="Known differences", title_justify="left")
        for test, reason in verdict.known.items():
            table.add_row(test, reason)
        console.print(table)
    for test in verdict.stale:
        console.print(f"error: known.toml has {test}, which is no difference", style="red")
    if verdict.both:
        kinds = ", ".join(f"{count} {kind}" for kind, count in verdict.both.most_common())
        console.print(f"fail with both engines: {kinds}")
    console.print(
        f"{verdict.tests} tests with each engine, {len(verdict.different)} differences, "
        f"{len(verdict.known)} known ones",
    )
