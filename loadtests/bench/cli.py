"""The command line: ``python -m loadtests.bench``."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from ..command_line import run as run_command_line
from ..interrupts import Interrupts
from . import files
from .bench import run
from .catalogue import SUBJECTS
from .facts import machine
from .progress import Bar
from .result import Result
from .rows import rows as rows_of
from .tables import markdown as as_markdown
from .tables import show

PROGRAM = "python -m loadtests.bench"
ROUNDS, SECONDS = 15, 0.5
QUICK_ROUNDS, QUICK_SECONDS = 5, 0.2
"""Rounds, and the seconds each subject gets in one."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


Rounds = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        help=f"Rounds; {ROUNDS}, or {QUICK_ROUNDS} if quick.",
        show_default=False,
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Few and short rounds.")]
NoPeers = Annotated[
    bool, typer.Option("--no-peers", help="Install nothing, leave other pools out.")
]


@app.command()
def bench(
    rounds: Rounds = None,
    quick: Quick = False,
    no_peers: NoPeers = False,
    json_file: files.AsJson = None,
    markdown_file: files.AsMarkdown = None,
) -> None:
    """What acquiring and releasing a connection costs: the pool alone, contended, and under Django
    beside stock Django and other pools; and what resetting the session adds to a statement.

    Runs on a PostgreSQL of its own, or on the server of DATABASE_URL if that is set (nothing is
    written there). The other pools are installed with pip in environments of
    their own, which are removed at the end.
    """
    outputs = files.outputs(json_file, _as_json, markdown_file, as_markdown)
    count = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    result = _measured(count, QUICK_SECONDS if quick else SECONDS, peers=not no_peers)
    console = Console()
    if not console.is_terminal:
        console.width = 140  # nothing to fit into
    show(console, result)
    for path, make in outputs.items():
        files.write(path, make(result))


def _measured(rounds: int, seconds: float, *, peers: bool) -> Result:
    subjects = [subject for subject in SUBJECTS if peers or not subject.peer]
    began, about = datetime.now(UTC), machine()
    url = os.environ.get("DATABASE_URL") or None
    with Interrupts() as interrupts:
        try:
            with Bar(rounds, len(subjects)) as bar:
                outcome = run(subjects, rounds, seconds, url, bar)
        except KeyboardInterrupt:
            print("interrupted: there is no result", file=sys.stderr)
            # What a shell reports of a program that a signal has ended.
            raise typer.Exit(128 + (interrupts.signum or 0)) from None
    found = rows_of(subjects, outcome.series, outcome.missing)
    command = f"{PROGRAM} {' '.join(_options(rounds, seconds, peers=peers))}"
    return Result(began, command, rounds, seconds, about, outcome, found)


def _options(rounds: int, seconds: float, *, peers: bool) -> list[str]:
    """Those that repeat the run; without files, which are local."""
    options = ["--quick"] if seconds == QUICK_SECONDS else []
    options += ["--rounds", str(rounds)]
    return options if peers else [*options, "--no-peers"]


def _as_json(result: Result) -> str:
    return json.dumps(result.data(), indent=1) + "\n"


def main() -> int:
    """Run the command line."""
    return run_command_line(app, PROGRAM, sys.argv[1:])
