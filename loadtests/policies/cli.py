"""The command line: ``python -m loadtests.policies``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ..bench import files
from ..bench.progress import Bar
from ..command_line import run as run_command_line
from ..errors import LoadTestError
from ..interrupts import Interrupts
from ..terminal import terminal
from . import judge
from .recorded import recorded
from .result import Result
from .tables import markdown as as_markdown
from .tables import show
from .traces import CLEANUP, MAXSIZE, TRACES, Trace

PROGRAM = "python -m loadtests.policies"
SEEDS = 3
NAMES = ", ".join(trace.name for trace in TRACES)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help=f"This trace, no others; may be repeated. Of: {NAMES}."
    ),
]
Recorded = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help="A recorded trace instead: a line of JSON per request, with 'at' and 'use' in seconds"
        " and, if you like, 'phase'.",
    ),
]
Maxsize = Annotated[int, typer.Option(min=1, help="Of every pool.")]
Cleanup = Annotated[float, typer.Option(min=0.1, help="Of every pool, seconds.")]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="How often, each time with other chance.")]


@app.command()
def policies(
    only: Only = None,
    trace: Recorded = None,
    maxsize: Maxsize = MAXSIZE,
    cleanup: Cleanup = CLEANUP,
    seeds: Seeds = SEEDS,
    json_file: files.AsJson = None,
    markdown_file: files.AsMarkdown = None,
) -> None:
    """When should a pool open a connection, and when close one? Simulates the pool's own code, with
    its policy and with others, on a virtual clock: waits against connection-seconds."""
    outputs = files.outputs(json_file, _as_json, markdown_file, as_markdown)
    if trace is None:
        traces = [replace(known, maxsize=maxsize, cleanup=cleanup) for known in _chosen(only)]
    elif only:
        raise LoadTestError("--only chooses among the built-in traces, --trace replaces them")
    else:
        traces = [recorded(trace, maxsize, cleanup)]
    options = [f"--only '{name}'" for name in only or ()]
    options += ["--trace FILE"] if trace else []  # where it is, is local
    options += [f"--maxsize {maxsize} --cleanup {cleanup:g} --seeds {seeds}"]
    result = _simulated(traces, seeds, f"{PROGRAM} {' '.join(options)}")
    console = terminal(140)
    show(console, result)
    for path, make in outputs.items():
        files.write(path, make(result))


def _chosen(only: list[str] | None) -> list[Trace]:
    known = {trace.name: trace for trace in TRACES}
    if only is None:
        return list(TRACES)
    if unknown := [name for name in only if name not in known]:
        raise LoadTestError(f"there is no trace {unknown[0]!r}, but: {NAMES}")
    return [known[name] for name in dict.fromkeys(only)]


def _simulated(traces: list[Trace], seeds: int, command: str) -> Result:
    began = datetime.now(UTC)
    with Interrupts() as interrupts:
        try:
            with Bar(seeds * judge.count(traces)) as bar:
                rows = judge.run(traces, seeds, bar)
        except KeyboardInterrupt:
            print("interrupted: there is no result", file=sys.stderr)
            # What a shell reports of a program that a signal has ended.
            raise typer.Exit(128 + (interrupts.signum or 0)) from None
    brief = {trace.name for trace in traces if trace.brief}
    counted = [row for row in rows if row.trace not in brief] or rows
    return Result(began, command, seeds, traces, rows, judge.worth(counted))


def _as_json(result: Result) -> str:
    return json.dumps(result.data(), indent=1) + "\n"


def main() -> int:
    """Run the command line."""
    return run_command_line(app, PROGRAM, sys.argv[1:])
