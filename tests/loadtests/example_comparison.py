"""A comparison as ``compare`` writes it, of runs that nobody has made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from example_runs import results

from loadtests.arrivals import Phase
from loadtests.compare.contestants import chosen
from loadtests.compare.data import data
from loadtests.compare.part import Part
from loadtests.scenarios import PoolSettings

PHASES = (Phase("steady", 2, 100, 100),)
POOL = PoolSettings(maxsize=8, maxwait=10.0, expires=20.0, cleanup=3.0)


def run(seed: int = 1, name: str = "steady", **options: Any) -> dict[str, Any]:
    """The data of a run, with what a comparison adds to it."""
    found = results(name=name, seed=seed, phases=PHASES, **options)
    found["pool"]["sessions"] = 10 + seed
    found["cpu"] = {**found["cpu"], "load": None, "server": 3.0, "pgbouncer": None}
    return found


def comparison(
    engines: str | None = None, rounds: int = 2, names: tuple[str, ...] = ("steady",)
) -> dict[str, Any]:
    """Of ``engines``, of which the last could not be installed, by the scenarios of ``names``."""
    there = chosen(POOL, engines, None)
    parts = []
    for name in names:
        part = Part(None, there, missing={there[-1].name: "pip could not install it"})
        for place, one in enumerate(there[:-1]):
            part.runs[one.name] = [run(10 * place + number, name) for number in range(rounds)]
        parts.append(part)
    began = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
    versions = {"django-db-geventpool": "4.0.8"}
    return data(parts, rounds, versions, began, "python -m loadtests compare")
