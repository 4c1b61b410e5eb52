"""The results of a run as plain data: what the JSON file holds and the report is made from."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import psutil
import psycopg2

import django_pgpool

from .arrivals import Phase
from .run import Run
from .watcher import Sample

FORMAT = 1
"""Number of the format of the JSON file."""
PACKAGES = ("Django", "gevent", "gunicorn", "psycogreen")


def results(run: Run, command: str) -> dict[str, Any]:
    """Everything about ``run``, which ``command`` repeats. Durations are in seconds."""
    scenario = run.scenario
    run.recorder.second(run.seconds)  # so that the series reach to the end, without requests too
    return {
        "format": FORMAT,
        "began": run.began.isoformat(timespec="seconds"),
        "seconds": run.seconds,
        "interrupted": run.interrupted,
        "failure": run.failure,
        "command": command,
        "scenario": {
            "name": scenario.name,
            "description": scenario.description,
            "seed": scenario.seed,
            "mix": dict(scenario.mix),
            "hold": scenario.hold,
            "phases": [asdict(phase) for phase in scenario.phases],
        },
        "settings": asdict(scenario.pool),
        "phases": dict(_phases(run)),
        "pool": {**run.pool, **_peaks(run.samples)},
        "driver": {"delay": run.recorder.delays.percentiles()},
        "versions": {**_versions(), "PostgreSQL": run.server, "Python": platform.python_version()},
        "machine": _machine(run.embedded),
        "series": {
            "seconds": [
                {"second": second, **tally.as_dict(1.0)}
                for second, tally in enumerate(run.recorder.seconds)
            ],
            "samples": [asdict(sample) for sample in run.samples],
        },
    }


def spans(phases: tuple[Phase, ...]) -> Iterator[tuple[Phase, float]]:
    """Each phase with the second at which it begins."""
    begin = 0.0
    for phase in phases:
        yield phase, begin
        begin += phase.seconds


def _phases(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that were begun."""
    for phase, begin in spans(run.scenario.phases):
        if run.seconds > begin:
            seconds = min(phase.seconds, run.seconds - begin)
            yield phase.name, run.recorder.phases[phase.name].as_dict(seconds)


def _peaks(samples: list[Sample]) -> dict[str, Any]:
    """What only the samples know. A peak between two samples is not seen."""
    counted = [sample.server for sample in samples if sample.server is not None]
    last = samples[-1] if samples else None
    return {
        "peak_size": max((sample.size for sample in samples), default=0),
        "peak_in_use": max((sample.in_use for sample in samples), default=0),
        "peak_waiting": max((sample.waiting for sample in samples), default=0),
        "peak_server": max(counted, default=None),
        "end_size": last.size if last else None,
        "end_server": last.server if last else None,
        "connection_seconds": sum(a.size * (b.at - a.at) for a, b in pairwise(samples)),
    }


def _versions() -> dict[str, str]:
    return {
        "django_pgpool": django_pgpool.__version__,
        "psycopg2": psycopg2.__version__.split()[0],
        **{package: version(package) for package in PACKAGES},
    }


def _machine(embedded: bool) -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "postgresql": "embedded, on the same machine" if embedded else "the server of DATABASE_URL",
    }
