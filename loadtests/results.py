"""The results of a run as plain data: what the JSON file holds and the report is made from."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from typing import Any

import psutil

import django_pgpool

from .advice import recommend
from .run import Run

FORMAT = 2
"""Number of the format of the JSON file."""


def results(run: Run, command: str) -> dict[str, Any]:
    """Everything about ``run``, which ``command`` repeats. Durations are in seconds."""
    scenario, recorded = run.scenario, run.recorded
    common, engine = scenario.common, run.subject.engine
    data = {
        "format": FORMAT,
        "began": run.began.isoformat(timespec="seconds"),
        "seconds": run.seconds,
        "interrupted": run.interrupted,
        "failure": run.failure,
        "command": command,
        "scenario": {
            "name": scenario.name,
            "description": scenario.description,
            "front": common.front,
            "workers": common.workers,
            "seed": common.seed,
            "mix": dict(scenario.plan.mix),
            "parameters": {**scenario.parameters, "scale": common.scale},
            "phases": [asdict(phase) for phase in scenario.plan.phases],
        },
        "engine": {"name": engine.name, "about": engine.about},
        "settings": asdict(scenario.pool),
        "phases": recorded["phases"],
        "kinds": recorded["kinds"],
        "total": recorded["total"],
        "distribution": recorded["distribution"],
        "pool": run.pool,
        "cpu": run.cpu,
        "memory": run.memory,
        "events": run.events,
        "driver": {"delay": recorded["delay"]},
        "versions": {"django_pgpool": django_pgpool.__version__, **run.versions},
        "machine": _machine(run.embedded),
        "series": {"seconds": recorded["seconds"], "samples": run.samples},
    }
    return {**data, "recommendation": [asdict(line) for line in recommend(data)]}


def _machine(embedded: bool) -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "postgresql": "embedded, on the same machine" if embedded else "the server of DATABASE_URL",
    }
