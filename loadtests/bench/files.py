"""The files a run is asked to write."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import LoadTestError


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
