"""All policies under all traces, and what each is worth beside the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from .policies import REFERENCE, SIDES, Policy
from .server import CONNECTS, Connect
from .simulate import Outcome, simulate
from .traces import Trace

MILLISECONDS = 1000.0
EVERY = "all costs"
_MORE = 0.01
"""Part by which a number has to be lower to be called lower."""
_WORSE, _WORSE_MS = 1.05, 0.5
"""A p99 is worse than the reference's if it is above so many times that plus so many ms."""


class Progress(Protocol):
    """Who is told how far the run is."""

    def step(self, stage: str, name: str) -> None:
        """``name``, a step of ``stage``, begins."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy under one trace at one cost of an opening; all seeds together."""

    side: str
    trace: str
    connect: str
    policy: str
    p50: float
    """Of the waits for a connection, ms; as the next four."""
    p99: float
    worst: float
    mean: float
    phases: Mapping[str, float]
    """p99 by phase."""
    held: float
    """Connection-seconds, as a multiple of those needed."""
    openings: float
    """Per seed."""
    left: int
    """The most connections left at the end."""
    most: int
    """The most connections at one moment."""
    frontier: bool
    """No other policy has both a lower p99 and fewer connection-seconds, or one lower and the
    other the same."""


@dataclass(frozen=True, slots=True)
class Worth:
    """One policy at one cost of an opening, over all traces: geometric means of the ratios to the
    reference."""

    side: str
    connect: str
    policy: str
    held: float
    """Connection-seconds."""
    wait: float
    """Mean wait."""
    openings: float
    worse: int
    """In how many phases the p99 is worse than the reference's."""
    phases: int
    frontier: bool
    """As in Row, by ``wait`` and ``held``."""


def run(traces: Sequence[Trace], seeds: int, progress: Progress) -> list[Row]:
    """Simulate everything."""
    outcomes = {run: Outcome() for run in _runs(traces)}
    for seed in range(seeds):
        stage = f"round {seed + 1} of {seeds}"
        for (trace, connect, policy), outcome in outcomes.items():
            progress.step(stage, f"{trace.name}, {connect.name}: {policy.name}")
            outcome.add(simulate(trace, policy.build, connect, seed))
    return [
        row
        for (side, policies), trace, connect in product(SIDES.items(), traces, CONNECTS)
        for row in _rows(
            side,
            trace,
            connect,
            {policy.name: outcomes[trace, connect, policy] for policy in policies},
            seeds,
        )
    ]


def count(traces: Sequence[Trace]) -> int:
    """How many simulations a seed takes."""
    return len(_runs(traces))


def _runs(traces: Sequence[Trace]) -> list[tuple[Trace, Connect, Policy]]:
    policies = dict.fromkeys(policy for side in SIDES.values() for policy in side)
    return list(product(traces, CONNECTS, policies))


def _rows(
    side: str, trace: Trace, connect: Connect, outcomes: Mapping[str, Outcome], seeds: int
) -> Iterator[Row]:
    points = {name: _point(outcome) for name, outcome in outcomes.items()}
    for name, outcome in outcomes.items():
        waits = _all_waits(outcome)
        yield Row(
            side=side,
            trace=trace.name,
            connect=connect.name,
            policy=name,
            p50=percentile(waits, 0.5) * MILLISECONDS,
            p99=percentile(waits, 0.99) * MILLISECONDS,
            worst=waits[-1] * MILLISECONDS,
            mean=math.fsum(waits) / len(waits) * MILLISECONDS,
            phases={
                phase: percentile(sorted(found), 0.99) * MILLISECONDS
                for phase, found in outcome.waits.items()
            },
            held=outcome.held / outcome.needed,
            openings=outcome.openings / seeds,
            left=outcome.left,
            most=outcome.most,
            frontier=undominated(name, points),
        )


def percentile(sorted_numbers: Sequence[float], part: float) -> float:
    """The least number that is not exceeded by ``part`` of all."""
    return sorted_numbers[max(math.ceil(part * len(sorted_numbers)), 1) - 1]


def _all_waits(outcome: Outcome) -> list[float]:
    return sorted(wait for waits in outcome.waits.values() for wait in waits)


def _point(outcome: Outcome) -> tuple[float, float]:
    return percentile(_all_waits(outcome), 0.99), outcome.held


def undominated(name: str, points: Mapping[str, tuple[float, float]]) -> bool:
    """Whether no other point is lower in one number without being higher in the other."""
    mine = points[name]
    return not any(
        all(a <= b for a, b in zip(point, mine, strict=True))
        and any(a < b * (1 - _MORE) for a, b in zip(point, mine, strict=True))
        for point in points.values()
    )


def worth(rows: Sequence[Row]) -> list[Worth]:
    """What each policy is worth at each cost, and at all of them together."""
    found: list[Worth] = []
    for side, policies in SIDES.items():
        for connect in (*(connect.name for connect in CONNECTS), EVERY):
            group = [row for row in rows if row.side == side and connect in (row.connect, EVERY)]
            found += _worth(side, connect, policies, group)
    return found


def _worth(
    side: str, connect: str, policies: Sequence[Policy], rows: Sequence[Row]
) -> Iterator[Worth]:
    references = [row for row in rows if row.policy == REFERENCE]
    numbers = {}
    for policy in policies:
        pairs = list(
            zip([row for row in rows if row.policy == policy.name], references, strict=True)
        )
        numbers[policy.name] = (
            _mean([row.held / reference.held for row, reference in pairs]),
            _mean([row.mean / reference.mean for row, reference in pairs]),
            _mean([row.openings / reference.openings for row, reference in pairs]),
            sum(_worse(row, reference) for row, reference in pairs),
        )
    points = {name: number[:2] for name, number in numbers.items()}
    for name, (held, wait, openings, worse) in numbers.items():
        yield Worth(
            side=side,
            connect=connect,
            policy=name,
            held=held,
            wait=wait,
            openings=openings,
            worse=worse,
            phases=sum(len(reference.phases) for reference in references),
            frontier=undominated(name, points),
        )


def _mean(ratios: Sequence[float]) -> float:
    """Geometric: half and twice cancel out."""
    return math.exp(math.fsum(math.log(ratio) for ratio in ratios) / len(ratios))


def _worse(row: Row, reference: Row) -> int:
    return sum(
        p99 > reference.phases[phase] * _WORSE + _WORSE_MS for phase, p99 in row.phases.items()
    )
