"""The data of a sweep: what the JSON holds and the page and the terminal are made from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from .advice import at_the_knee, recommend
from .run import Sweep

FORMAT = 1


def data_of(sweep: Sweep, workers: int | None, max_connections: int | None) -> dict[str, Any]:
    """Durations are in seconds. ``workers``: the processes of the site in production, those of
    the runs where None; ``max_connections``: of its server."""
    last = sweep.last
    data = {
        "format": FORMAT,
        "kind": "sweep",
        "began": sweep.began.isoformat(timespec="seconds"),
        "seconds": (datetime.now(UTC) - sweep.began).total_seconds(),
        "interrupted": sweep.interrupted,
        "failure": sweep.failure,
        "command": sweep.command,
        "scenario": last["scenario"],
        "grid": {
            option: sorted({point["settings"][option] for point in sweep.points})
            for option in sweep.points[0]["settings"]
        },
        "rounds": sweep.rounds,
        "workers": workers or last["scenario"]["workers"],
        "max_connections": max_connections,
        "points": sweep.points,
        "versions": last["versions"],
        "machine": last["machine"],
    }
    return {
        **data,
        "knee": at_the_knee(data),
        "recommendation": [asdict(line) for line in recommend(data)],
    }
