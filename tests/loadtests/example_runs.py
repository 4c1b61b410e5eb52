"""Results of runs as the load tests write them, from a small simulation: nothing is run."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from loadtests.arrivals import Phase, poisson
from loadtests.recorder import Durations, Tally

DAY = (
    Phase("quiet", 8, 10, 10),
    Phase("morning", 14, 10, 200),
    Phase("peak", 14, 200, 200),
    Phase("evening", 12, 200, 10),
    Phase("night", 10, 0, 0),
)
OUTAGE = (30.0, 33.5)


@dataclass
class Request:
    """When it was due, got its connection, and was done; ``error`` if it got none."""

    phase: str
    due: float
    got: float
    done: float
    error: str | None = None


def results(
    *,
    name: str = "day",
    phases: tuple[Phase, ...] = DAY,
    maxsize: int = 8,
    maxwait: float = 2.0,
    seed: int = 1,
    outage: bool = False,
    ours: bool = True,
) -> dict[str, Any]:
    """One run. With ``outage`` the server is away for a time; not ``ours``: an engine that says
    nothing about its pool."""
    requests = _simulate(phases, maxsize, maxwait, random.Random(seed), outage)
    end = sum(phase.seconds for phase in phases)
    parts, total = {phase.name: Tally() for phase in phases}, Tally()
    seconds = [Tally() for _ in range(int(end))]
    for request in requests:
        second = seconds[min(int(request.due), len(seconds) - 1)]
        for tally in (parts[request.phase], total, second):
            tally.offered += 1
            if request.error:
                tally.errors[request.error] += 1
            else:
                tally.completed += 1
                tally.latencies.add(request.done - request.due)
                tally.waits.add(request.got - request.due)
                tally.uses.add(request.done - request.got)
    samples = _samples(requests, end, maxsize, ours)
    return {
        "format": 2,
        "began": "2026-11-25T20:00:00+00:00",
        "seconds": end,
        "interrupted": False,
        "failure": None,
        "command": f"python -m loadtests {name} --maxsize {maxsize} --seed {seed}",
        "scenario": {
            "name": name,
            "description": "Quiet, morning ramp, peak, evening, night: a day in about a minute.",
            "front": "http",
            "workers": 1,
            "seed": seed,
            "mix": {"read": 4, "write": 2, "report": 4},
            "parameters": {"rate": 200.0, "hold": 0.075},
            "phases": [asdict(phase) for phase in phases],
        },
        "engine": {"name": "django_pgpool" if ours else "stock", "about": "as documented"},
        "settings": {"maxsize": maxsize, "maxwait": maxwait, "expires": 20.0, "cleanup": 3.0},
        "phases": {phase.name: parts[phase.name].as_dict(phase.seconds) for phase in phases},
        "kinds": {"read": total.as_dict(end), "write": Tally().as_dict(end)},
        "total": total.as_dict(end),
        "distribution": [list(point) for point in total.latencies.distribution()],
        "pool": _pool(requests, samples, ours),
        "cpu": {"load": 12.25, "site": 31.5, "server": 8.75 if ours else None},
        "memory": {"begin": 90 * 2**20, "peak": 98 * 2**20, "end": 96 * 2**20} if ours else {},
        "events": [
            {"at": OUTAGE[0], "name": "server stopped"},
            {"at": OUTAGE[1], "name": "server started"},
        ]
        * outage,
        "driver": {"delay": _delays().percentiles()},
        "versions": {"django_pgpool": "0.1.0", "Django": "6.1.3", "PostgreSQL": "18.4"},
        "machine": {"cpus": 2, "memory_gib": 7.8, "system": "Linux 6.1", "architecture": "x86_64"},
        "series": {
            "seconds": [
                {"second": second, **tally.as_dict(1.0)} for second, tally in enumerate(seconds)
            ],
            "samples": samples,
        },
    }


def _simulate(
    phases: tuple[Phase, ...], maxsize: int, maxwait: float, chance: random.Random, outage: bool
) -> list[Request]:
    """First come, first served, by ``maxsize`` connections."""
    free, found, begin = [0.0] * maxsize, [], 0.0
    for phase in phases:
        for offset in poisson(phase, chance):
            due = begin + offset
            if outage and OUTAGE[0] <= due < OUTAGE[1]:
                found.append(Request(phase.name, due, due, due, "OperationalError"))
                continue
            got = max(due, free[0])
            if got - due > maxwait:
                found.append(Request(phase.name, due, due, due + maxwait, "PoolExhausted"))
                continue
            use = chance.choice((0.004, 0.006, 0.078)) * chance.lognormvariate(0, 0.2)
            heapq.heapreplace(free, got + use)
            found.append(Request(phase.name, due, got, got + use))
        begin += phase.seconds
    return found


def _samples(requests: list[Request], end: float, maxsize: int, ours: bool) -> list[dict[str, Any]]:
    found, size, idle_since, openings, evictions = [], 0, 0.0, 0, 0
    for step in range(int(end / 0.2)):
        at = step * 0.2
        in_use = sum(r.got <= at < r.done and not r.error for r in requests)
        waiting = sum(r.due <= at < max(r.got, r.done * bool(r.error)) for r in requests)
        if in_use >= size - 1:
            idle_since = at
        opened = max(0, in_use - size)
        openings, size = openings + opened, size + opened
        if size and (at - idle_since > 1):
            size, evictions, idle_since = size - 1, evictions + 1, at - 0.5
        found.append(
            {
                "at": at,
                "size": size,
                "idle": size - in_use,
                "in_use": in_use,
                "opening": 0,
                "closing": 0,
                "waiting": waiting,
                "server": size,
                "needed": min(maxsize, in_use + waiting),
                "openings": openings,
                "evictions": evictions,
            }
        )
        if not ours:
            found[-1].update(dict.fromkeys(set(found[-1]) - {"at", "server", "needed"}))
    return found


def _pool(requests: list[Request], samples: list[dict[str, Any]], ours: bool) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "peak_server": max(sample["server"] for sample in samples),
        "end_server": samples[-1]["server"],
        "connection_seconds": sum(sample["server"] * 0.2 for sample in samples),
        "ideal_connection_seconds": sum(sample["needed"] * 0.2 for sample in samples),
    }
    if not ours:
        return seen
    waits = [r.got - r.due for r in requests if not r.error and r.got > r.due]
    errors = Counter(request.error for request in requests)
    return {
        "acquires": sum(not request.error for request in requests),
        "waits": len(waits),
        "wait_seconds": sum(waits),
        "wait_seconds_max": max(waits, default=0.0),
        "use_seconds": sum(r.done - r.got for r in requests),
        "openings": samples[-1]["openings"],
        "open_failures": errors["OperationalError"],
        "evictions": {"idle": samples[-1]["evictions"], "expired": 3},
        "exhausted": errors["PoolExhausted"],
        "rejected": 0,
        "abandoned": 0,
        "reclaimed": 0,
        "peak_size": max(sample["size"] for sample in samples),
        "peak_in_use": max(sample["in_use"] for sample in samples),
        "peak_waiting": max(sample["waiting"] for sample in samples),
        "end_size": samples[-1]["size"],
        **seen,
    }


def _delays() -> Durations:
    delays = Durations()
    delays.add(0.0004)
    return delays
