"""One run: database, site, load, watcher, faults and display, from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .database import Database
from .display import REFRESH, Display, Frame
from .engines import PGPOOL
from .errors import LoadTestError, SiteFailed
from .faults import cause
from .front import Front
from .greenlets.front import GreenletsFront
from .http_front import HttpFront
from .interrupts import Interrupts
from .meter import Meter
from .monitor import Monitor
from .scenarios import Scenario
from .site_process import environment, migrate
from .subject import Subject
from .watcher import Watcher

METER = 2.0
"""Seconds between two looks."""


@dataclass(slots=True)
class Run:
    """What was run and what came of it, up to the end or to the moment it was cut off."""

    scenario: Scenario
    subject: Subject
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    """How long it really ran."""
    recorded: dict[str, Any] = field(default_factory=dict)
    """See ``Recorder.as_dict``."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    pool: dict[str, Any] = field(default_factory=dict)
    """See ``Watcher.pool``."""
    events: list[dict[str, Any]] = field(default_factory=list)
    cpu: dict[str, float | None] = field(default_factory=dict)
    """See ``Meter.used``."""
    memory: dict[str, int] = field(default_factory=dict)
    """See ``Meter.memory``."""
    versions: dict[str, str] = field(default_factory=dict)
    embedded: bool = True
    interrupted: bool = False
    failure: str | None = None
    """Why it ended early, if the site or the server failed."""
    log: str = ""
    """The end of the site's log, if that is what failed."""


def execute(
    scenario: Scenario,
    database: AbstractContextManager[Database],
    display: Display,
    interrupts: Interrupts,
    subject: Subject | None = None,
) -> Run:
    """Run ``scenario`` against a site of its own on ``database``, with ``subject``'s engine.

    A signal during the load, or the death of the site, ends it early: the results so far are
    returned. A signal before the load raises KeyboardInterrupt.

    Raises LoadTestError if the database, and SiteFailed if the site cannot be set up.
    """
    run = Run(scenario, subject or Subject())
    try:
        _execute(run, database, display, interrupts)
    except (LoadTestError, KeyboardInterrupt) as error:
        if not run.seconds:
            raise
        # The load has run, its results are there all the same.
        run.interrupted = run.interrupted or isinstance(error, KeyboardInterrupt)
        run.failure = run.failure or str(error) or None
    return run


def _execute(
    run: Run,
    database: AbstractContextManager[Database],
    display: Display,
    interrupts: Interrupts,
) -> None:
    display.say("setting up the database ...")
    with database as place:
        run.embedded = place.embedded
        display.say("starting the site ...")
        with _front(run, place) as front, Monitor(place) as monitor:
            run.versions = {**front.versions, "PostgreSQL": place.server}
            asyncio.run(_drive(run, place, front, monitor, display, interrupts))
            display.say("stopping ...")


def _front(run: Run, place: Database) -> Front:
    scenario, subject = run.scenario, run.subject
    database = subject.database(place, scenario.pool)
    if scenario.common.front == "http":
        return HttpFront(scenario, database)
    # The tables are made here: Django's migrations may not know every engine.
    migrate(environment(place.django(PGPOOL)))
    return GreenletsFront(scenario, subject, database)


async def _drive(
    run: Run,
    place: Database,
    front: Front,
    monitor: Monitor,
    display: Display,
    interrupts: Interrupts,
) -> None:
    scenario = run.scenario
    begun = monitor.sessions()
    async with front.load() as load:
        meter = Meter(front.pids, place.servers, load=scenario.common.front == "http")
        watcher = Watcher(load, monitor, scenario.seconds, pooled=run.subject.pooled)

        def tell(event: dict[str, Any]) -> None:
            run.events.append(event)
            display.say(f"{event['name']} after {event['at']:.1f} s")

        try:
            await _until_done(
                load.run(),
                watcher.run(),
                cause(scenario.plan.faults, place, lambda: load.elapsed, meter.look, tell),
                _measure(meter),
                _show(display, lambda: Frame.of(run, load, watcher)),
                interrupts=interrupts,
            )
            await watcher.settle(direct=run.subject.direct)
        except asyncio.CancelledError:
            run.interrupted = True
        except SiteFailed as error:
            run.failure, run.log = str(error), error.log
        finally:
            run.seconds, run.cpu = load.elapsed, meter.used()
            run.memory = meter.memory()
            run.recorded = await load.finish()
            run.pool, run.samples = watcher.pool(), watcher.series()
            run.pool["sessions"] = _since(begun, monitor.sessions())


def _since(begun: int | None, now: int | None) -> int | None:
    """Sessions that the server has begun meanwhile; None where it is away or counts anew.
    Exact, and the same for every engine; but others' count, too."""
    return None if begun is None or now is None or now < begun else now - begun


async def _until_done(main: Any, *beside: Any, interrupts: Interrupts) -> None:
    """Until ``main`` has ended, one of ``beside`` has failed, or a signal has come."""
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(work) for work in (main, *beside)]

    def stop() -> None:
        loop.call_soon_threadsafe(tasks[0].cancel)

    try:
        with interrupts.calling(stop):
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        interrupts.postpone()
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _measure(meter: Meter) -> None:
    while True:
        await asyncio.to_thread(meter.look)  # some milliseconds, in which requests may be due
        await asyncio.sleep(METER)


async def _show(display: Display, frame: Callable[[], Frame]) -> None:
    while True:
        display.show(frame())
        await asyncio.sleep(REFRESH)
