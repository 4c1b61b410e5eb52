"""From the numbers of the rounds to the rows of the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .catalogue import Metric, Subject

Series = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Target:
    """What was aimed at, and whether it was met."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one subject, over all rounds. Without ``rounds`` it was not measured."""

    section: str
    subject: str
    label: str
    unit: str
    settings: str
    rounds: tuple[float, ...] = ()
    median: float | None = None
    least: float | None = None
    most: float | None = None
    ratio: float | None = None
    """Median of the ratios to ``ratio_to`` in the same round."""
    ratio_to: str | None = None
    targets: tuple[Target, ...] = ()
    missing: str | None = None
    """Why it was not measured."""


def rows(subjects: Sequence[Subject], series: Series, missing: Mapping[str, str]) -> list[Row]:
    """One row per metric, in the order of ``subjects``."""
    return [
        _row(subject, metric, series, missing.get(subject.name))
        for subject in subjects
        for metric in subject.metrics
    ]


def _row(subject: Subject, metric: Metric, series: Series, missing: str | None) -> Row:
    about = (subject.section, subject.name, metric.label, metric.unit, subject.settings)
    if missing is not None:
        return Row(*about, missing=missing)
    numbers = series[subject.series(metric)]
    ratio = None if metric.base is None else ratio_of(numbers, series[metric.base])
    return Row(
        *about,
        rounds=tuple(numbers),
        median=median(numbers),
        least=min(numbers),
        most=max(numbers),
        ratio=ratio,
        ratio_to=metric.base,
        targets=tuple(_targets(metric, median(numbers), ratio)),
    )


def ratio_of(numbers: Sequence[float], base: Sequence[float]) -> float:
    """The median of the ratios of each round: what slows a whole round down cancels out."""
    return median(number / other for number, other in zip(numbers, base, strict=True))


def _targets(metric: Metric, middle: float, ratio: float | None) -> Iterator[Target]:
    if metric.at_most is not None:
        yield Target(f"<= {metric.at_most:g} {metric.unit}", middle <= metric.at_most)
    if metric.ratio_at_most is not None and ratio is not None:
        yield Target(f"<= {metric.ratio_at_most:g}x floor", ratio <= metric.ratio_at_most)
