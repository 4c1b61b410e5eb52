"""The report of a run: one HTML file that needs no network, and the same data as JSON."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import vl_convert

from .charts import charts
from .errors import LoadTestError
from .summary import (
    load_rows,
    notes,
    phase_head,
    phase_rows,
    pool_rows,
    settings_rows,
    tiles,
)

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
            raise self._error("not a directory that can be written to")
        if shutil.disk_usage(place).free < ROOM:
            raise self._error(f"no space: {ROOM // 1024**2} MB are needed")

    def write(self, data: dict[str, Any]) -> Path:
        """Write both files and return the path of the HTML. Raises LoadTestError."""
        began = datetime.fromisoformat(data["began"]).astimezone()
        stem = f"{self._name}-{began:%Y-%m-%d-%H%M%S}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._write(f"{stem}.json", json.dumps(data, indent=1))
            return self._write(f"{stem}.html", html(data))
        except OSError as error:
            raise self._error(error.strerror or str(error)) from error

    def _write(self, name: str, text: str) -> Path:
        """Whole or not at all."""
        path = self._directory / name
        unfinished = path.with_name(f".{name}")
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return path

    def _error(self, reason: str) -> LoadTestError:
        return LoadTestError(
            f"no report can be written to {self._directory}: {reason}; choose another directory "
            "with --reports"
        )


def html(data: dict[str, Any]) -> str:
    """The report as one self-contained page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("loadtests"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html").render(
        data=data,
        began=datetime.fromisoformat(data["began"]),
        notes=notes(data),
        phase_head=phase_head(),
        phase_rows=phase_rows(data),
        pool_rows=pool_rows(data),
        charts=charts(data),
        settings_rows=settings_rows(data),
        tiles=tiles(data),
        load_rows=load_rows(data),
        vega=_vega(),
    )


def _vega() -> str:
    """The program that draws the charts, in the version that Altair writes for."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    # ``</script>`` inside it would end the script of the page.
    return vl_convert.javascript_bundle(vl_version=version).replace("</script>", "<\\/script>")
