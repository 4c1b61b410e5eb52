"""The rounds: every engine in turn, each time in a new process and on a cold pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import psutil

from ..database import Database
from ..display import Silent
from ..errors import LoadTestError, SiteFailed
from ..interrupts import Interrupts
from ..peers import Environments, NotInstalled, installed
from ..pgbouncer import PgBouncer
from ..postgres import database_params
from ..results import results
from ..run import execute
from ..scenarios import Scenario
from ..subject import Subject
from .contestants import Contestant
from .part import Part


class Progress(Protocol):
    """Who is told how far the series is."""

    def tell(self, what: str) -> None:
        """What is being done now."""

    def step(self, stage: str, name: str) -> None:
        """``name``, a step of ``stage``, begins."""


@dataclass(slots=True)
class Series:
    """Runs ``parts`` on ``place`` and keeps in them what came of it, also where it is cut off.

    ``versions``: filled with those of what is not installed in this environment.
    """

    parts: Sequence[Part]
    place: Database
    rounds: int
    progress: Progress
    interrupts: Interrupts
    versions: dict[str, str]

    def run(self) -> None:
        """Raises KeyboardInterrupt where it is cut off, LoadTestError where django_pgpool itself
        cannot be measured."""
        with Environments() as environments:
            self._prepare(environments)
            for part in self.parts:
                for number in range(self.rounds):
                    self._round(part, number, environments)

    def _prepare(self, environments: Environments) -> None:
        """Install first, so that nothing of it falls into the rounds."""
        wanted = {one.requirements: one for part in self.parts for one in part.contestants}
        for requirements, one in wanted.items():
            if not requirements:
                continue
            self.progress.tell(f"environment of {one.engine.name}")
            try:
                python = environments.python(requirements)
            except NotInstalled as error:
                self._leave_out(requirements, str(error))
            else:
                self.versions.update(installed(python, requirements))

    def _leave_out(self, requirements: tuple[str, ...], reason: str) -> None:
        for part in self.parts:
            for one in part.contestants:
                if one.requirements == requirements:
                    part.missing[one.name] = reason

    def _round(self, part: Part, number: int, environments: Environments) -> None:
        stage = f"{part.scenario.name}, round {number + 1} of {self.rounds}"
        for one in part.turns(number, self.rounds):
            self.interrupts.resume()
            self.progress.step(stage, one.engine.name)
            if one.name in part.missing:
                continue
            python = environments.python(one.requirements) if one.requirements else None
            try:
                data = self._run(part.scenario, one, python)
            except LoadTestError as error:
                if one.is_own:
                    raise
                part.missing[one.name] = f"failed: {error}"
                part.runs.pop(one.name, None)
            else:
                part.runs.setdefault(one.name, []).append(data)

    def _run(self, scenario: Scenario, one: Contestant, python: Path | None) -> dict[str, Any]:
        """The data of one run. Raises LoadTestError, and KeyboardInterrupt if it was cut off."""
        with ExitStack() as stack:
            place, bouncer = self.place, None
            if one.bouncer is not None:
                bouncer = stack.enter_context(self._bouncer(one.bouncer))
                self.versions["PgBouncer"] = bouncer.version
                place = behind(place, bouncer)
            subject = Subject(one.engine, python, direct=bouncer is None)
            run = execute(scenario, nullcontext(place), Silent(), self.interrupts, subject)
            cpu = None if bouncer is None else _cpu(bouncer.pid)
        if run.interrupted:
            raise KeyboardInterrupt
        if run.failure:
            raise SiteFailed(run.failure, run.log)
        data = results(run, "")
        data["cpu"]["pgbouncer"] = cpu
        return data

    def _bouncer(self, settings: Mapping[str, Any]) -> PgBouncer:
        """New for each run: as cold as the pools."""
        # Clients cannot do that in transaction pooling.
        session = {"search_path": self.place.name, "application_name": self.place.name}
        return PgBouncer(self.place.url, settings, session=session)


def behind(place: Database, bouncer: PgBouncer) -> Database:
    """``place`` for a site that reaches it by way of ``bouncer``."""
    params = database_params(bouncer.url)
    where = {"HOST": params["host"], "PORT": str(params["port"]), "PASSWORD": ""}
    return replace(place, settings=where, options={"options": None})


def _cpu(pid: int) -> float:
    """Seconds."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
