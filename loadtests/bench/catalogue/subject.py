"""The words of the catalogue: sections, subjects, metrics and targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...engines import OWN, Engine

MICROSECONDS = "us"


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at: a bound of the median, or of the ratio to the base."""

    bound: float
    ratio: bool = False
    at_least: bool = False
    """Else at most."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table: a number that each round of a subject yields."""

    key: str
    label: str
    unit: str = MICROSECONDS
    base: str | None = None
    """The series to which the ratio is taken: name of the subject, dot, key of the metric."""
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What one worker process measures, round after round."""

    name: str
    measure: str
    metrics: tuple[Metric, ...]
    about: str
    """How it is set up, in words."""
    engine: Engine | None = None
    """Of a measure under Django."""
    requirements: tuple[str, ...] = ()
    """Of a peer: what is installed for it, in an environment of its own."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the measure."""
    cleared: bool = False
    """What it leaves connected is ended after each round, which takes a new pool each."""
    counted: bool = False
    """And its connections are counted at the server, which costs some CPU time, throughout."""

    @property
    def peer(self) -> bool:
        return bool(self.requirements)

    def arguments(self, url: str, application: str = "") -> dict[str, Any]:
        """Those of the measure, on the server of ``url``. ``application``: what its connections
        call themselves."""
        engine = self.engine
        if engine is None:
            return self.parameters
        options = {"application_name": application} if application else {}
        database = engine.database(url, **options)
        how = {"database": database, "end": engine.end, "green": engine.green}
        return {**how, **self.parameters}

    def series(self, metric: Metric) -> str:
        """The name of the numbers of one metric."""
        return f"{self.name}.{metric.key}"


def under_django(
    engine: Engine,
    measure: str,
    metrics: tuple[Metric, ...],
    *,
    cleared: bool = False,
    counted: bool = False,
    **parameters: Any,
) -> Subject:
    """The subject that measures ``engine``."""
    return Subject(
        engine.name,
        measure,
        metrics,
        engine.about,
        engine,
        engine.requirements,
        parameters,
        cleared or counted,
        counted,
    )


def aims(engine: Engine, *targets: Target) -> tuple[Target, ...]:
    """``targets`` where ``engine`` is django_pgpool: nobody else has any."""
    return targets if engine.name == OWN else ()


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: ``rounds``, in each of which a subject gets about ``seconds``."""

    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Section:
    """Subjects that are compared: their rounds take turns. A table of the result."""

    name: str
    """To be chosen by."""
    title: str
    ratio_to: str
    """What the ratios are to, in a word or two."""
    subjects: tuple[Subject, ...]
    """In the order in which each round goes through them."""
    full: Effort = Effort(15, 0.5)
    quick: Effort | None = Effort(5, 0.2)
    """None: too long for a quick run."""

    def effort(self, *, quick: bool, rounds: int | None = None) -> Effort | None:
        """Of a run; with ``rounds`` instead of its own, if given. None: not in this run."""
        own = self.quick if quick else self.full
        return Effort(rounds, own.seconds) if own and rounds else own
