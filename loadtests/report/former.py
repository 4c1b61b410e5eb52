"""Results of format 1 in the form of format 2, until the load tests write that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..recorder import PERCENTILES


def upgrade(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with what format 1 does not know as unknown."""
    if data["format"] != 1:
        return data
    none = dict.fromkeys(PERCENTILES)
    phases = {name: {**phase, "wait": none, "use": none} for name, phase in data["phases"].items()}
    errors: Counter[str] = Counter()
    for phase in phases.values():
        errors.update(phase["errors"])
    parts = phases.values()
    scenario = data["scenario"]
    samples = [{**sample, "needed": None} for sample in data["series"]["samples"]]
    return {
        **data,
        "format": 2,
        "scenario": {
            **scenario,
            "front": "http",
            "workers": 1,
            "parameters": {"hold": scenario["hold"]},
        },
        "engine": {"name": "django_pgpool", "about": ""},
        "phases": phases,
        "total": {
            "seconds": data["seconds"],
            "offered": sum(phase["offered"] for phase in parts),
            "completed": sum(phase["completed"] for phase in parts),
            "throughput": sum(phase["completed"] for phase in parts) / (data["seconds"] or 1),
            "errors": dict(errors),
            "latency": none,
            "wait": none,
            "use": none,
        },
        "distribution": [],
        "pool": {**data["pool"], "ideal_connection_seconds": None},
        "cpu": {"load": None, "site": None, "server": None},
        "events": [],
        "series": {**data["series"], "samples": samples},
    }
