"""A comparison as plain data: what the JSON file holds, and tables and page are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..engines import OWN
from .figures import Figure, figures
from .metrics import METRICS
from .part import Part

FORMAT = 1
KIND = "comparison"
_OF_A_RUN = ("versions", "machine")
"""What all runs have in common."""


def data(
    parts: Sequence[Part],
    rounds: int,
    versions: Mapping[str, str],
    began: datetime,
    command: str,
    *,
    interrupted: bool = False,
    failure: str | None = None,
) -> dict[str, Any]:
    """Everything about a comparison, which ``command`` repeats. Durations are in seconds.
    ``versions``: of what is not installed in this environment."""
    runs = [run for part in parts for found in part.runs.values() for run in found]
    return {
        "kind": KIND,
        "format": FORMAT,
        "began": began.isoformat(timespec="seconds"),
        "seconds": (datetime.now(UTC) - began).total_seconds(),
        "interrupted": interrupted,
        "failure": failure,
        "command": command,
        "rounds": rounds,
        "reference": OWN,
        "metrics": [
            {
                "key": metric.key,
                "label": metric.label,
                "unit": metric.unit,
                "more": metric.more,
                "cost": metric.cost,
                "note": metric.note,
            }
            for metric in METRICS
        ],
        "parts": [_part(part) for part in parts if part.complete],
        "versions": {**(runs[0]["versions"] if runs else {}), **versions},
        "machine": runs[0]["machine"] if runs else {},
    }


def _part(part: Part) -> dict[str, Any]:
    found = figures(part.runs, OWN)
    return {
        "scenario": part.runs[OWN][0]["scenario"],
        "settings": part.runs[OWN][0]["settings"],
        "engines": [
            {
                "name": one.name,
                "label": one.engine.name,
                "about": one.engine.about,
                "documentation": one.documentation,
                "missing": part.missing.get(one.name),
                "figures": {
                    key: _figure(figure) for key, figure in found.get(one.name, {}).items()
                },
                "runs": [
                    {key: value for key, value in run.items() if key not in _OF_A_RUN}
                    for run in part.runs.get(one.name, [])
                ],
            }
            for one in part.contestants
        ],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "rounds": list(figure.rounds),
        "median": figure.median,
        "least": figure.least,
        "most": figure.most,
        "ratio": figure.ratio,
        "verdict": figure.verdict,
    }
