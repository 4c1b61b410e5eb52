"""What a scenario does to the servers while the load runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from .database import Database
from .scenarios import Fault

Act = Callable[[Database], None]


def _promote(database: Database) -> None:
    _, standby = database.servers
    standby.control("promote")


_ACTS: Mapping[str, tuple[Act, str]] = {
    "stop": (lambda database: database.servers[0].stop("immediate"), "server stopped"),
    "start": (lambda database: database.servers[0].start(), "server started"),
    "kill": (lambda database: database.servers[0].stop("immediate"), "primary killed"),
    "promote": (_promote, "standby promoted"),
}


async def cause(
    faults: tuple[Fault, ...],
    database: Database,
    elapsed: Callable[[], float],
    before: Callable[[], None],
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Each of ``faults`` at its time, until this is cancelled. ``before`` is called before each,
    and ``tell`` with the event. Raises LoadTestError."""
    for fault in faults:
        await asyncio.sleep(fault.at - elapsed())
        act, name = _ACTS[fault.action]
        before()
        begin = elapsed()
        await asyncio.to_thread(act, database)
        # A server is away from the moment it is told to stop, and back when it has started.
        at = begin if fault.action in ("stop", "kill") else elapsed()
        tell({"at": at, "name": name})
    await asyncio.Event().wait()
