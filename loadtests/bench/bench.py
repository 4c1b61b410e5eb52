"""A whole run: section by section, every subject in a process of its own, round after round."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..connecting import connect
from ..errors import LoadTestError
from ..peers import Environments, NotInstalled
from ..postgres import ThrowAwayPostgres
from .catalogue.subject import Subject
from .measures import Unavailable
from .plan import Part
from .process import Worker, WorkerFailed
from .watch import Watch

SERVER: dict[str, str | int | float | bool] = {
    "timezone": "UTC",  # Django's documentation asks for it: no SET TIME ZONE for each connection
    "max_connections": 500,  # 200 of one subject, beside the others
}


class BenchFailed(LoadTestError):
    """A subject that must be measurable could not be measured."""

    code = 1


class Progress(Protocol):
    """Who is told how far the run is."""

    def tell(self, what: str) -> None:
        """What is being done now."""

    def step(self, stage: str, name: str) -> None:
        """``name``, a step of ``stage``, begins."""


@dataclass(slots=True)
class Measured:
    """The numbers of one section."""

    part: Part
    series: dict[str, list[float]] = field(default_factory=dict)
    """One number per round, by ``Subject.series``."""
    missing: dict[str, str] = field(default_factory=dict)
    """Why a subject was not measured, by its name."""


@dataclass(slots=True)
class Outcome:
    """The numbers of a run."""

    server: str
    """Version of PostgreSQL."""
    embedded: bool
    measured: list[Measured] = field(default_factory=list)
    interrupted: bool = False
    """By Ctrl-C; the sections in ``measured`` are whole."""


def run(parts: Sequence[Part], url: str | None, progress: Progress) -> Outcome:
    """Measure ``parts`` one after the other, on the server of ``url`` or on a throw-away one.
    KeyboardInterrupt ends it; sections that were finished are kept.

    Raises LoadTestError if the server cannot be used, BenchFailed if it is not a peer that fails.
    """
    with ExitStack() as stack:
        address = url or _embedded(stack, progress)
        outcome = Outcome(_version(address), embedded=url is None)
        environments = stack.enter_context(Environments())
        try:
            for part in parts:
                outcome.measured.append(_section(part, address, environments, progress))
        except KeyboardInterrupt:
            if not outcome.measured:
                raise
            outcome.interrupted = True
        return outcome


def _embedded(stack: ExitStack, progress: Progress) -> str:
    progress.tell("starting PostgreSQL")
    return stack.enter_context(ThrowAwayPostgres(SERVER)).url


def _version(url: str) -> str:
    connection = connect(url)
    try:
        return connection.info.parameter_status("server_version") or "unknown"
    finally:
        connection.close()


def _section(part: Part, url: str, environments: Environments, progress: Progress) -> Measured:
    """The rounds of the subjects take turns: what slows the machine down strikes all alike."""
    measured = Measured(part)
    workers: dict[str, tuple[Worker, Watch | None]] = {}
    with ExitStack() as stack:
        for subject in part.subjects:
            with _forgiving(subject, measured):
                python = _python(subject, environments, progress)
                progress.tell(f"warming up: {subject.name}")
                application = f"pgpool_bench_{secrets.token_hex(4)}" if subject.cleared else ""
                worker = Worker(subject.measure, subject.arguments(url, application), python)
                watch = Watch(url, application) if subject.cleared else None
                workers[subject.name] = stack.enter_context(worker), watch
        for number in range(part.effort.rounds):
            stage = f"{part.section.name}: round {number + 1} of {part.effort.rounds}"
            for subject in _order(part.subjects, number):
                if subject.name not in measured.missing:
                    progress.step(stage, subject.name)
                    with _forgiving(subject, measured):
                        _measure(subject, *workers[subject.name], measured)
    return measured


def _order(subjects: tuple[Subject, ...], number: int) -> list[Subject]:
    """Of a round: nobody always comes first, after a pause, nor always after the same one."""
    first = number % len(subjects)
    order = [*subjects[first:], *subjects[:first]]
    return order[::-1] if number % 2 else order


def _python(subject: Subject, environments: Environments, progress: Progress) -> Path | None:
    if not subject.peer:
        return None
    progress.tell(f"environment of {subject.name}")
    return environments.python(subject.requirements)


def _measure(subject: Subject, worker: Worker, watch: Watch | None, measured: Measured) -> None:
    seconds = measured.part.effort.seconds
    if watch is None:
        numbers = worker.measure(seconds)
    else:
        with watch:
            numbers = worker.measure(seconds, watch.sample if subject.counted else None)
            if subject.counted:
                numbers |= watch.numbers(numbers.get("needed"), numbers.get("left_at", 0.0))
    for metric in subject.metrics:
        measured.series.setdefault(subject.series(metric), []).append(numbers[metric.key])


@contextmanager
def _forgiving(subject: Subject, measured: Measured) -> Iterator[None]:
    """A peer that fails is left out, as is what cannot be measured here; nothing else may fail."""
    try:
        yield
    except (NotInstalled, Unavailable) as error:
        reason = str(error)
    except WorkerFailed as error:
        if not subject.peer:
            raise BenchFailed(f"{subject.name} could not be measured: {error}") from error
        reason = f"failed: {error.kind}"
    else:
        return
    measured.missing[subject.name] = reason
    for metric in subject.metrics:
        measured.series.pop(subject.series(metric), None)
