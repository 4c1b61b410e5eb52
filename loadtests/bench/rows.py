"""From the numbers of the rounds to the rows of the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .catalogue.subject import Metric, Section, Subject, Target

Series = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Verdict:
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
    """Median of the ratios to ``ratio_to`` in the same round; None without rounds of that."""
    ratio_to: str | None = None
    targets: tuple[Verdict, ...] = ()
    missing: str | None = None
    """Why it was not measured."""


def rows(
    section: Section, subjects: Sequence[Subject], series: Series, missing: Mapping[str, str]
) -> list[Row]:
    """One row per metric and subject; those of the same metric together."""
    keys = dict.fromkeys(metric.key for subject in subjects for metric in subject.metrics)
    return [
        _row(section, subject, metric, series, missing.get(subject.name))
        for key in keys
        for subject in subjects
        for metric in subject.metrics
        if metric.key == key
    ]


def _row(
    section: Section, subject: Subject, metric: Metric, series: Series, missing: str | None
) -> Row:
    about = (section.name, subject.name, metric.label, metric.unit, subject.about)
    if missing is not None:
        return Row(*about, missing=missing)
    numbers = series[subject.series(metric)]
    base = None if metric.base is None else series.get(metric.base)
    ratio = None if base is None else ratio_of(numbers, base)
    return Row(
        *about,
        rounds=tuple(numbers),
        median=median(numbers),
        least=min(numbers),
        most=max(numbers),
        ratio=ratio,
        ratio_to=metric.base,
        targets=tuple(_verdicts(section, metric, median(numbers), ratio)),
    )


def ratio_of(numbers: Sequence[float], base: Sequence[float]) -> float:
    """The median of the ratios of each round: what slows a whole round down cancels out."""
    return median(number / other for number, other in zip(numbers, base, strict=True))


def _verdicts(
    section: Section, metric: Metric, middle: float, ratio: float | None
) -> Iterator[Verdict]:
    for target in metric.targets:
        number = ratio if target.ratio else middle
        unit = f"x {section.ratio_to}" if target.ratio else f" {metric.unit}"
        if number is not None:
            yield Verdict(f"{_sign(target)} {target.bound:g}{unit}".strip(), _met(target, number))


def _sign(target: Target) -> str:
    return ">=" if target.at_least else "<="


def _met(target: Target, number: float) -> bool:
    return number >= target.bound if target.at_least else number <= target.bound
