"""Where reports go: one HTML file that needs no network, and the same data as JSON."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import LoadTestError
from .page import html

ROOM = 10 * 1024**2
"""Bytes that the two files certainly fit into."""


class Report:
    """Where the report of a run of ``name`` goes: two files in ``directory``, named by the time."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name

    def prepare(self) -> None:
        """Find out before the run, not after it, that there is no place for the report.

        Raises LoadTestError.
        """
        place = self._directory.absolute()
        while not place.exists():
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise _error(self._directory, "not a directory that can be written to")
        if shutil.disk_usage(place).free < ROOM:
            raise _error(self._directory, f"no space: {ROOM // 1024**2} MB are needed")

    def write(self, data: dict[str, Any], page: Callable[[dict[str, Any]], str] = html) -> Path:
        """Write both files and return the path of the HTML, which ``page`` makes of the data.

        Raises LoadTestError.
        """
        began = datetime.fromisoformat(data["began"]).astimezone()
        stem = f"{self._name}-{began:%Y-%m-%d-%H%M%S}"
        if (self._directory / f"{stem}.json").exists():  # of another run, begun in the same second
            stem += f"-{os.getpid()}"
        write(self._directory, f"{stem}.json", json.dumps(data, indent=1))
        return write(self._directory, f"{stem}.html", page(data))


def write(directory: Path, name: str, text: str) -> Path:
    """Write a file, whole or not at all, and return its path. Raises LoadTestError."""
    path, unfinished = directory / name, directory / f".{name}-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _error(directory, error.strerror or str(error)) from error
    return path


def _error(directory: Path, reason: str) -> LoadTestError:
    return LoadTestError(
        f"no report can be written to {directory}: {reason}; choose another directory with "
        "--reports"
    )
