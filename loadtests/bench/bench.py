"""A whole run: every subject in a process of its own, round after round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..database import connect
from ..errors import LoadTestError
from ..postgres import ThrowAwayPostgres
from .catalogue import Subject
from .peers import NotInstalled, environment
from .process import Worker, WorkerFailed

SERVER = {"timezone": "UTC"}
"""Django's documentation asks for it: no SET TIME ZONE for each new connection."""


class BenchFailed(LoadTestError):
    """A subject that must be measurable could not be measured."""

    code = 1


class Progress(Protocol):
    """Who is told how far the run is."""

    def tell(self, what: str) -> None:
        """What is being done now."""

    def round(self, number: int, name: str) -> None:
        """Round ``number`` of the subject ``name`` begins."""


@dataclass(slots=True)
class Outcome:
    """The numbers of a run."""

    server: str
    """Version of PostgreSQL."""
    embedded: bool
    series: dict[str, list[float]] = field(default_factory=dict)
    """One number per round, by ``Subject.series``."""
    missing: dict[str, str] = field(default_factory=dict)
    """Why a peer was not measured, by its name."""


def run(
    subjects: Sequence[Subject], rounds: int, seconds: float, url: str | None, progress: Progress
) -> Outcome:
    """Measure ``subjects`` in turn, ``rounds`` times, each time for about ``seconds``, on the
    server of ``url`` or on a throw-away one.

    Raises LoadTestError if the server cannot be used, BenchFailed if it is not a peer that fails.
    """
    with ExitStack() as stack:
        address = url or _embedded(stack, progress)
        outcome = Outcome(_version(address), embedded=url is None)
        workers = {}
        for subject in subjects:
            with _forgiving(subject, outcome):
                workers[subject.name] = _start(subject, address, stack, progress)
        for number in range(rounds):
            for subject in subjects:
                if subject.name not in outcome.missing:
                    progress.round(number, subject.name)
                    with _forgiving(subject, outcome):
                        _measure(subject, workers[subject.name], seconds, outcome)
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


def _start(subject: Subject, url: str, stack: ExitStack, progress: Progress) -> Worker:
    python: Path | None = None
    if subject.peer:
        progress.tell(f"installing {subject.name}")
        python = stack.enter_context(environment(subject.requirements))
    progress.tell(f"warming up: {subject.name}")
    return stack.enter_context(Worker(subject.measure, subject.arguments(url), python))


def _measure(subject: Subject, worker: Worker, seconds: float, outcome: Outcome) -> None:
    numbers = worker.measure(seconds)
    for metric in subject.metrics:
        outcome.series.setdefault(subject.series(metric), []).append(numbers[metric.key])


@contextmanager
def _forgiving(subject: Subject, outcome: Outcome) -> Iterator[None]:
    """A peer that fails is left out; nothing else may fail."""
    try:
        yield
    except NotInstalled as error:
        reason = str(error)
    except WorkerFailed as error:
        if not subject.peer:
            raise BenchFailed(f"{subject.name} could not be measured: {error}") from error
        reason = f"failed: {error.kind}"
    else:
        return
    outcome.missing[subject.name] = reason
    for metric in subject.metrics:
        outcome.series.pop(subject.series(metric), None)
