"""``python -m loadtests advise``: what to put into OPTIONS, from the log of a real site."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from ..errors import LoadTestError
from ..report.numbers import milliseconds, number
from ..report.summary import print_table
from ..report.tables import Table
from ..terminal import terminal
from .from_lines import Lines, Log, read
from .rules import recommendations

HOW = (
    "switch them on with OPTIONS \"stats_interval\": 60 (pip install 'django_pgpool[stats]'), and "
    "let level INFO of the logger django_pgpool through"
)


def advise(
    log: Annotated[Path, typer.Argument(help="A log with lines pool_stats; - for standard input.")],
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            help="Processes that share the server; by default as many as wrote lines at once.",
            show_default=False,
        ),
    ] = None,
    max_connections: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="max_connections of the server.", show_default=False
        ),
    ] = None,
) -> None:
    """Recommend settings from the pool's own log lines (OPTIONS stats_interval)."""
    try:
        with _opened(log) as lines:
            found = read(lines)
    except OSError as error:
        raise LoadTestError(f"{log}: {error.strerror or error}") from error
    if not found.pools:
        if found.unreadable:
            raise LoadTestError(
                f"{log}: {found.unreadable} lines pool_stats, but none that can be read: "
                f"{found.example}; see docs/logs.md for what they must contain"
            )
        raise LoadTestError(f"{log}: no lines pool_stats in it: {HOW}")
    console = terminal()
    for note in _notes(found):
        console.print(note, style="bold", markup=False, highlight=False)
    for pool in found.pools.values():
        _show(console, pool, workers, max_connections)


def _opened(log: Path) -> AbstractContextManager[TextIO]:
    if str(log) == "-":
        return nullcontext(sys.stdin)
    return log.open(encoding="utf-8", errors="replace")


def _notes(log: Log) -> list[str]:
    notes = []
    if log.superseded:
        notes.append(
            f"{number(log.superseded)} lines were written with other settings before; they do not "
            "count."
        )
    if log.unreadable:
        notes.append(f"{number(log.unreadable)} lines could not be read: {log.example}.")
    return notes


def _show(console: Console, pool: Lines, workers: int | None, max_connections: int | None) -> None:
    print_table(console, _facts(pool))
    advice = recommendations(pool.profile, workers, max_connections)
    if not advice:
        console.print("It was not used: there is nothing to recommend.")
        return
    rows = tuple(astuple(line) for line in advice)
    print_table(console, Table("Recommendation", rows, ("option", "value", "why"), words=2))


def _facts(pool: Lines) -> Table:
    profile = pool.profile
    return Table(
        f"Pool {pool.alias}",
        (
            ("lines", f"{number(pool.lines)}, {number(pool.seconds)} s of all processes together"),
            ("processes at once", number(profile.processes)),
            ("acquires", number(profile.acquires)),
            ("callers who had to wait", number(profile.waits)),
            ("PoolExhausted", number(profile.exhausted + profile.rejected)),
            ("longest wait", milliseconds(profile.longest_wait)),
            ("a connection is used for", f"{milliseconds(profile.use)} (median)"),
            ("most in use at once", f"{number(profile.in_use)} of {profile.maxsize}"),
            ("most needed at once", f"{number(profile.needed)}, with those who waited"),
            ("in use when busiest", f"{profile.load:.1f} on average"),
            ("intervals at the limit", f"{number(pool.limited)}, somebody waiting"),
            ("openings", number(profile.openings)),
        ),
    )
