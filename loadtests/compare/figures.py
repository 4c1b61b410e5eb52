"""From the rounds of each engine to medians, spreads, and who is better by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from .metrics import METRICS, Data, Metric

EVEN = 0.05
"""Medians that are no further apart than this share are even."""


class Verdict(StrEnum):
    """What the other engine is, beside django_pgpool."""

    BETTER = "better"
    WORSE = "worse"
    EVEN = "even"


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one engine over the rounds."""

    metric: Metric
    rounds: tuple[float, ...]
    ratio: float | None = None
    """Of the median to that of django_pgpool; None where that is 0 or absent."""
    verdict: Verdict | None = None
    """None for django_pgpool itself, and where it has no such number."""

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def least(self) -> float:
        return min(self.rounds)

    @property
    def most(self) -> float:
        return max(self.rounds)


Figures = Mapping[str, Figure]
"""By the key of the metric; those that there are."""


def figures(rounds: Mapping[str, Sequence[Data]], reference: str) -> dict[str, Figures]:
    """By engine, from the data of its rounds, beside the engine ``reference``."""
    plain = {engine: _plain(runs) for engine, runs in rounds.items()}
    own = plain.get(reference, {})
    return {
        engine: found if engine == reference else _beside(found, own)
        for engine, found in plain.items()
    }


def _plain(runs: Sequence[Data]) -> dict[str, Figure]:
    found = {}
    for metric in METRICS:
        numbers = tuple(number for run in runs if (number := metric.find(run)) is not None)
        if numbers:
            found[metric.key] = Figure(metric, numbers)
    return found


def _beside(found: Figures, own: Figures) -> dict[str, Figure]:
    return {
        key: _judged(figure, own[key]) if key in own else figure for key, figure in found.items()
    }


def _judged(figure: Figure, own: Figure) -> Figure:
    ratio = figure.median / own.median if own.median else None
    return Figure(figure.metric, figure.rounds, ratio, verdict(figure, own))


def verdict(figure: Figure, own: Figure) -> Verdict:
    """Even where the medians are close, or where the rounds overlap: the difference may be chance.

    A single round has no spread: there only the distance counts.
    """
    one, other = figure.median, own.median
    close = abs(one - other) <= EVEN * max(abs(one), abs(other))
    overlap = figure.least <= own.most and own.least <= figure.most
    if close or overlap:
        return Verdict.EVEN
    return Verdict.BETTER if figure.metric.better(one, other) else Verdict.WORSE
