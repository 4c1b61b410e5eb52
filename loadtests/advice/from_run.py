"""The profile of a load test's results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from .profile import Profile


def profile_of(data: dict[str, Any]) -> Profile | None:
    """Of results of format 2; None where the engine has no pool of ours. The mean load is taken to
    be the same for all workers; what was needed is that of the one that needed most."""
    pool, settings = data["pool"], data["settings"]
    workers = data["scenario"]["workers"]
    samples = [sample for sample in data["series"]["samples"] if sample["in_use"] is not None]
    if pool.get("acquires") is None or not samples:
        return None
    busiest = max(_by_phase(data, samples), key=lambda of: _mean_in_use(of[1]))
    needed = sorted(_needed(sample, workers) for sample in busiest[1])
    limited = [
        data["phases"][name]["wait"]["p99"] or 0.0
        for name, those in _by_phase(data, samples)
        if max(_in_use(sample, workers) for sample in those) >= settings["maxsize"]
    ]
    evictions = pool["evictions"]
    return Profile(
        maxsize=settings["maxsize"],
        maxwait=settings["maxwait"],
        expires=settings["expires"],
        cleanup=settings["cleanup"],
        processes=workers,
        in_use=max(_in_use(sample, workers) for sample in samples),
        needed=max(_needed(sample, workers) for sample in samples),
        usual=needed[int(0.99 * (len(needed) - 1))],
        load=_mean_in_use(busiest[1]) / workers,
        limited_wait=max(limited, default=None),
        longest_wait=pool["wait_seconds_max"],
        use=data["total"]["use"]["p50"],
        opening=_mean_opening(pool),
        acquires=pool["acquires"],
        waits=pool["waits"],
        exhausted=pool["exhausted"],
        rejected=pool["rejected"],
        openings=pool["openings"],
        idle_closed=evictions.get("idle", 0) + evictions.get("surplus", 0),
        expired=evictions.get("expired", 0),
        held=pool["connection_seconds"],
        used=sum(a["in_use"] * (b["at"] - a["at"]) for a, b in pairwise(samples)),
    )


def _by_phase(
    data: dict[str, Any], samples: list[dict[str, Any]]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The samples of each phase that has some."""
    begin = 0.0
    for phase in data["scenario"]["phases"]:
        end = begin + phase["seconds"]
        those = [sample for sample in samples if begin <= sample["at"] < end]
        if those and phase["name"] in data["phases"]:
            yield phase["name"], those
        begin = end


def _in_use(sample: dict[str, Any], workers: int) -> int:
    """By the worker that used most; of results that do not say it, the mean."""
    most = sample.get("most_in_use")
    return math.ceil(sample["in_use"] / workers) if most is None else int(most)


def _needed(sample: dict[str, Any], workers: int) -> int:
    most = sample.get("most_wanted")
    total = sample["in_use"] + sample["waiting"]
    return math.ceil(total / workers) if most is None else int(most)


def _mean_in_use(samples: list[dict[str, Any]]) -> float:
    return float(sum(sample["in_use"] for sample in samples) / len(samples))


def _mean_opening(pool: dict[str, Any]) -> float | None:
    seconds = pool.get("open_seconds")  # not among what every result must have
    return seconds / pool["openings"] if seconds is not None and pool["openings"] else None
