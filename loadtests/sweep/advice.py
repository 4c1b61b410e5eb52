"""What a sweep recommends: what was tried, compared with each other."""

from __future__ import annotations

from typing import Any

from ..advice import Recommendation, rules
from ..report.numbers import milliseconds, number, plain
from .knee import ERRORS, LATENCY, knee
from .outcome import failed, middle, p99, profile, where

Data = dict[str, Any]
OTHERS = ("maxwait", "expires", "cleanup")


def at_the_knee(data: Data) -> Data | None:
    """The settings at the knee, of those points whose other settings are the largest that were
    tried, so that no other limit is in the way. None: nothing was run there."""
    points = where(data["points"], {option: data["grid"][option][-1] for option in OTHERS})
    return dict(knee(points)["settings"]) if points else None


def recommend(data: Data) -> list[Recommendation]:
    """From the data of a sweep."""
    chosen = at_the_knee(data)
    if chosen is None:
        return []
    used = profile(middle(where(data["points"], chosen)[0]))
    if used is None or not used.acquires:
        return []
    rivals = {option: _rivals(data, chosen, option) for option in chosen}
    size = int(chosen["maxsize"])
    return [
        Recommendation("maxsize", str(size), _why(rivals["maxsize"], chosen)),
        _maxwait(rivals["maxwait"]) if len(rivals["maxwait"]) > 1 else rules.maxwait(used),
        _shortest("cleanup", rivals["cleanup"])
        if len(rivals["cleanup"]) > 1
        else rules.in_a_short_run(rules.cleanup(used), used),
        _shortest("expires", rivals["expires"])
        if len(rivals["expires"]) > 1
        else rules.in_a_short_run(rules.expires(used), used),
        rules.server(size, data["workers"], data["max_connections"]),
    ]


def _rivals(data: Data, chosen: Data, option: str) -> list[Data]:
    """The points that differ from the chosen one in this option alone."""
    return where(data["points"], {name: chosen[name] for name in chosen if name != option})


def _why(points: list[Data], chosen: Data) -> str:
    sizes = [int(point["settings"]["maxsize"]) for point in points]
    place = sizes.index(int(chosen["maxsize"]))
    if len(points) == 1:
        return f"Only this was tried: {_speed(points[0])}."
    told = [f"With {sizes[place]}: {_speed(points[place])}."]
    if place:
        told.append(f"With {sizes[place - 1]}: {_speed(points[place - 1])}.")
    else:
        told.append("Even the smallest that was tried is enough; try less.")
    if place + 1 < len(points):
        told.append(f"More helps little, if at all: with {sizes[-1]}, {_speed(points[-1])}.")
    else:
        told.append("It is the largest that was tried; try more.")
    return " ".join(told)


def _speed(point: Data) -> str:
    run = middle(point)
    return (
        f"{run['throughput']:.1f} requests/s, {rules.per_cent(failed(run))} failed, p99 "
        f"{milliseconds(run['latency']['p99'])} (waiting for a connection: "
        f"{milliseconds(run['wait']['p99'])})"
    )


def _maxwait(points: list[Data]) -> Recommendation:
    """The shortest with which no more requests fail than with the longest."""
    runs = [middle(point) for point in points]
    values = [float(point["settings"]["maxwait"]) for point in points]
    place = next(
        index for index, run in enumerate(runs) if failed(run) <= failed(runs[-1]) + ERRORS
    )
    longest = [milliseconds(run["pool"]["wait_seconds_max"]) for run in runs]
    told = [
        f"With {plain(values[index])} s {rules.per_cent(failed(runs[index]))} of the requests "
        f"failed, and the longest wait took {longest[index]}."
        for index in dict.fromkeys((place, max(place - 1, 0), len(runs) - 1))
    ]
    return Recommendation("maxwait", f"{plain(values[place])} s", " ".join(told))


def _shortest(option: str, points: list[Data]) -> Recommendation:
    """The shortest whose reconnects nobody feels: cleanup, expires."""
    runs = [middle(point) for point in points]
    values = [float(point["settings"][option]) for point in points]
    slowest = p99(runs[-1]) * (1 + LATENCY)
    place = next(
        index
        for index, run in enumerate(runs)
        if run is runs[-1] or (_reconnects(run) <= rules.SEEN and p99(run) <= slowest)
    )
    run, longest = runs[place]["pool"], runs[-1]["pool"]
    told = [f"{plain(values[place])} s: {_cost(runs[place])}."]
    if place < len(runs) - 1:
        more = max(run["openings"] - longest["openings"], 0)
        saved = longest["connection_seconds"] - run["connection_seconds"]
        told.append(
            f"{plain(values[-1])} s: {_cost(runs[-1])}. So {number(more)} reconnects more save "
            f"{number(max(saved, 0))} connection-seconds "
            f"({rules.per_cent(max(saved, 0) / (longest['connection_seconds'] or 1))})."
        )
    if place:
        told.append(f"{plain(values[place - 1])} s: {_cost(runs[place - 1])}.")
    return Recommendation(option, f"{plain(values[place])} s", " ".join(told))


def _cost(run: Data) -> str:
    pool = run["pool"]
    return (
        f"{number(pool['openings'])} openings for {number(pool['acquires'])} requests "
        f"({rules.per_cent(_reconnects(run))}), {number(pool['connection_seconds'])} "
        f"connection-seconds, p99 {milliseconds(run['latency']['p99'])}"
    )


def _reconnects(run: Data) -> float:
    pool = run["pool"]
    return float(pool["openings"] / pool["acquires"]) if pool["acquires"] else 0.0
