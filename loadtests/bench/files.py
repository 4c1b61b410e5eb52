"""The files a run is asked to write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import LoadTestError

AsJson = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON.")
]
AsMarkdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write it as Markdown.")
]

Make = Callable[[Any], str]


def outputs(
    json_file: Path | None, as_json: Make, markdown_file: Path | None, as_markdown: Make
) -> dict[Path, Make]:
    """What to write of a result, by the file that it is to go to. Raises LoadTestError, before the
    run, where that cannot be."""
    if json_file is not None and json_file == markdown_file:
        raise LoadTestError("--json and --markdown name the same file")
    wanted = {json_file: as_json, markdown_file: as_markdown}
    found = {path: make for path, make in wanted.items() if path is not None}
    for path in found:
        check(path)
    return found


def check(path: Path) -> None:
    """Find out before the run, not after it, that ``path`` cannot be written.

    Raises LoadTestError.
    """
    fit = not path.is_dir() if path.exists() else path.absolute().parent.is_dir()
    place = path if path.exists() else path.absolute().parent
    if not fit or not os.access(place, os.W_OK):
        raise LoadTestError(f"{path} is not a file that can be written")


def write(path: Path, text: str) -> None:
    """Raises LoadTestError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LoadTestError(f"{path} could not be written: {error.strerror or error}") from error
