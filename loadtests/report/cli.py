"""``python -m loadtests report``: the page made anew, and two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..errors import LoadTestError
from .files import write
from .page import html
from .reading import read
from .summary import print_summary


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
    if compare and len(results) != 2:
        raise LoadTestError("--compare takes the JSON of two runs: --compare a.json b.json")
    console = Console()
    if not console.is_terminal:
        console.width = 120  # nothing to fit into
    for path in results:
        data = read(path)
        print_summary(console, data)
        page = write(reports or path.parent, f"{path.stem}.html", html(data))
        console.print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
