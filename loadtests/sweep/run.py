"""Runs the scenario with each of the settings, and again for each round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..database import Database
from ..display import Display
from ..errors import LoadTestError, SiteFailed
from ..interrupts import Interrupts
from ..report.numbers import counts, milliseconds
from ..results import results
from ..run import execute
from ..scenarios import Scenario
from .grid import Grid
from .outcome import outcome


@dataclass(slots=True)
class Sweep:
    """What is run, and what came of it so far."""

    grid: Grid
    build: Callable[[dict[str, float]], Scenario]
    """The scenario with these settings."""
    rounds: int
    command: str
    """That repeats it."""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    points: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    """The results of the last run: what it has in common with the others is taken from there."""
    interrupted: bool = False
    failure: str | None = None
    log: str = ""
    """The end of the site's log, if that is what failed."""

    def __post_init__(self) -> None:
        for settings in self.grid.points():
            self.points.append({"settings": asdict(self.build(settings).pool), "runs": []})

    @property
    def scenario(self) -> Scenario:
        """With the largest settings there are."""
        return self.build({option: values[-1] for option, values in self.grid.values.items()})

    def order(self) -> Iterator[tuple[Scenario, dict[str, Any]]]:
        """The runs: each round begins elsewhere, so that what changes slowly hits all alike."""
        settings = self.grid.points()
        for number in range(self.rounds):
            first = number * len(settings) // self.rounds
            for index in [*range(first, len(settings)), *range(first)]:
                yield self.build(settings[index]), self.points[index]


def run(
    sweep: Sweep,
    database: AbstractContextManager[Database],
    display: Callable[[], Display],
    interrupts: Interrupts,
    tell: Callable[[str], None],
) -> None:
    """All of it, or until it is interrupted, or a site has failed. A run that was cut off does not
    count. ``tell`` is given a line before and after each run.

    Where not one run has ended: raises KeyboardInterrupt, or LoadTestError where the database or
    the site could not be set up.
    """
    try:
        with database as place:
            _run_all(sweep, place, display, interrupts, tell)
    except (KeyboardInterrupt, LoadTestError) as error:
        if not sweep.last:
            raise
        sweep.interrupted = isinstance(error, KeyboardInterrupt)
        sweep.failure = str(error) or None
        sweep.log = getattr(error, "log", "")
    finally:
        interrupts.postpone()


def _run_all(
    sweep: Sweep,
    place: Database,
    display: Callable[[], Display],
    interrupts: Interrupts,
    tell: Callable[[str], None],
) -> None:
    total = len(sweep.points) * sweep.rounds
    for number, (scenario, point) in enumerate(sweep.order(), 1):
        interrupts.resume()
        tell(f"run {number} of {total}: {sweep.grid.name(point['settings'])}")
        with display() as shown:
            done = execute(scenario, nullcontext(place), shown, interrupts)
        if done.interrupted:
            raise KeyboardInterrupt
        if done.failure:
            raise SiteFailed(done.failure, done.log)
        sweep.last = results(done, "")
        point["runs"].append(outcome(sweep.last))
        tell(brief(point["runs"][-1]))


def brief(run: dict[str, Any]) -> str:
    """One run in one line."""
    return (
        f"  {run['throughput']:.1f} requests/s, p99 {milliseconds(run['latency']['p99'])}, waiting "
        f"for a connection p99 {milliseconds(run['wait']['p99'])}, errors: {counts(run['errors'])}"
    )
