"""``python -m loadtests report``: the page made anew, and two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import LoadTestError
from ..terminal import say, terminal
from . import pair
from .files import write
from .page import html
from .reading import read
from .summary import print_summary, print_table


def report(
    results: Annotated[list[Path], typer.Argument(help="JSON of a run.", show_default=False)],
    compare: Annotated[
        bool, typer.Option("--compare", help="Two runs side by side, on one page.")
    ] = False,
    reports: Annotated[
        Path | None,
        typer.Option(help="Directory for the page; without it, that of the (first) JSON."),
    ] = None,
) -> None:
    """Make the page of a run anew from its JSON, or compare two runs."""
    if len(results) != 1 + compare:
        raise LoadTestError("report takes the JSON of one run, --compare that of two")
    console = terminal()
    runs, names = [read(path) for path in results], [path.stem for path in results]
    if compare:
        one, other = runs
        for table in pair.compared(one, other):
            print_table(console, table)
        console.print()
        page = pair.html(one, other, names)
    else:
        (run,) = runs
        print_summary(console, run)
        page = html(run)
    made = write(reports or results[0].parent, f"{'-and-'.join(names)}.html", page)
    say(console, f"report: {made}")
