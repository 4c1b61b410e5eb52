"""One run: database, site, load, watcher and display, from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from .database import Database, connect
from .display import REFRESH, Display, Frame
from .errors import LoadTestError, SiteFailed
from .interrupts import Interrupts
from .load import Load, client
from .recorder import Recorder
from .scenarios import Scenario
from .site_process import SiteProcess
from .watcher import Sample, Watcher

ENGINE = "django_pgpool"
LAST_LOOK = 3.0
"""Seconds after the end within which the server's own count has to follow the pool's."""


@dataclass(slots=True)
class Run:
    """What was run and what came of it, up to the end or to the moment it was cut off."""

    scenario: Scenario
    recorder: Recorder
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    """How long it really ran."""
    samples: list[Sample] = field(default_factory=list)
    pool: dict[str, Any] = field(default_factory=dict)
    """The pool's last statistics."""
    server: str = ""
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
) -> Run:
    """Run ``scenario`` against a site of its own on ``database``.

    A signal during the load, or the death of the site, ends it early: the results so far are
    returned. A signal before the load raises KeyboardInterrupt.

    Raises LoadTestError if the database, and SiteFailed if the site cannot be set up.
    """
    run = Run(scenario, Recorder(phase.name for phase in scenario.phases))
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
        run.server, run.embedded = place.server, place.embedded
        display.say("starting the site ...")
        settings = place.django(ENGINE, **asdict(run.scenario.pool))
        with SiteProcess(settings) as site, closing(connect(place.url)) as monitor:
            monitor.autocommit = True
            asyncio.run(_drive(run, place, site, monitor, display, interrupts))
            display.say("stopping ...")


async def _drive(
    run: Run,
    database: Database,
    site: SiteProcess,
    monitor: Any,
    display: Display,
    interrupts: Interrupts,
) -> None:
    async with client(site.socket) as session:
        load = Load(run.scenario, session, run.recorder)
        watcher = Watcher(load, session, site, database, monitor)
        run.samples = watcher.samples
        try:
            await _until_done(
                load.run(),
                watcher.run(),
                _show(display, lambda: Frame.of(run, load.elapsed, watcher.last)),
                interrupts=interrupts,
            )
            await _settle(watcher)
        except asyncio.CancelledError:
            run.interrupted = True
        except SiteFailed as error:
            run.failure, run.log = str(error), error.log
        finally:
            run.seconds, run.pool = load.elapsed, watcher.last


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


async def _show(display: Display, frame: Callable[[], Frame]) -> None:
    while True:
        display.show(frame())
        await asyncio.sleep(REFRESH)


async def _settle(watcher: Watcher) -> None:
    """Look a last time; a moment longer if the server has not yet noticed the last close."""
    deadline = asyncio.get_running_loop().time() + LAST_LOOK
    while True:
        await watcher.sample()
        last = watcher.samples[-1] if watcher.samples else None
        if last is None or last.size == last.server or asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(0.05)
