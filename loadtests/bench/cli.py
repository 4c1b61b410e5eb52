"""The command line: ``python -m loadtests.bench``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from ..command_line import run as run_command_line
from ..interrupts import Interrupts
from ..terminal import terminal
from . import files
from .bench import Measured, run
from .facts import machine
from .plan import NAMES, Part, plan
from .progress import Bar
from .result import Found, Result
from .rows import rows
from .tables import markdown as as_markdown
from .tables import show

PROGRAM = "python -m loadtests.bench"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


Rounds = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        help="Rounds of every section, instead of its own number.",
        show_default=False,
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Few and short rounds; no day.")]
NoPeers = Annotated[
    bool, typer.Option("--no-peers", help="Install nothing, leave other pools out.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SECTION",
        help=f"Measure this one; may be repeated. There are: {NAMES}.",
        show_default=False,
    ),
]


@app.command()
def bench(
    rounds: Rounds = None,
    quick: Quick = False,
    no_peers: NoPeers = False,
    only: Only = None,
    json_file: files.AsJson = None,
    markdown_file: files.AsMarkdown = None,
) -> None:
    """What the pool costs and what it does, beside stock Django, other pools and a free pool, which
    costs nothing: acquire and release, alone and contended, at any size; memory; a connection under
    Django; resetting the session; ORM reads by many greenlets; a crowd at an empty pool; a day of
    load; a site under gunicorn, asked by wrk, if that is installed.

    Each subject runs in a process of its own; the rounds of a section take turns, and ratios are
    taken within a round. Targets that were missed are printed like those that were met.

    Runs on a PostgreSQL of its own, or on the server of DATABASE_URL if that is set: nothing is
    written there, but it needs room for some 200 connections. The other pools are installed with
    pip in environments of their own, which are removed at the end.
    """
    outputs = files.outputs(json_file, _as_json, markdown_file, as_markdown)
    parts = plan(only or (), quick=quick, rounds=rounds, peers=not no_peers)
    result, code = _measured(parts, _command(only or (), quick, rounds, no_peers))
    console = terminal(180)
    show(console, result)
    for path, make in outputs.items():
        files.write(path, make(result))
    if code:
        done = len(result.tables)
        print(f"interrupted: {done} of {len(parts)} sections were measured", file=sys.stderr)
        raise typer.Exit(code)


def _measured(parts: Sequence[Part], command: str) -> tuple[Result, int]:
    """And the exit code."""
    began, about = datetime.now(UTC), machine()
    url = os.environ.get("DATABASE_URL") or None
    with Interrupts() as interrupts:
        try:
            with Bar(sum(part.steps for part in parts)) as bar:
                outcome = run(parts, url, bar)
        except KeyboardInterrupt:
            print("interrupted: there is no result", file=sys.stderr)
            # What a shell reports of a program that a signal has ended.
            raise typer.Exit(128 + (interrupts.signum or 0)) from None
    result = Result(began, command, about, outcome, [_found(m) for m in outcome.measured])
    return result, 128 + (interrupts.signum or 0) if outcome.interrupted else 0


def _found(measured: Measured) -> Found:
    part = measured.part
    found = rows(part.section, part.subjects, measured.series, measured.missing)
    return Found(part.section, part.effort, found)


def _command(only: Sequence[str], quick: bool, rounds: int | None, no_peers: bool) -> str:
    """What repeats the run; without files, which are local."""
    options = ["--quick"] if quick else []
    options += ["--rounds", str(rounds)] if rounds else []
    options += ["--no-peers"] if no_peers else []
    options += [word for name in only for word in ("--only", name)]
    return " ".join([PROGRAM, *options])


def _as_json(result: Result) -> str:
    return json.dumps(result.data(), indent=1) + "\n"


def main() -> int:
    """Run the command line."""
    return run_command_line(app, PROGRAM, sys.argv[1:])
