"""Looks at the pool and at the server while the load runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from .database import Database
from .errors import SiteFailed
from .load import Load
from .site_process import SiteProcess

INTERVAL = 0.2
"""Seconds between two samples."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The pool at one moment, as the worker says, and as the server counts (None: no answer)."""

    at: float
    size: int
    opening: int
    idle: int
    in_use: int
    closing: int
    waiting: int
    server: int | None


class Watcher:
    """Samples until it is cancelled. Asking opens no connection in the pool.

    ``last`` is the newest full statistics of the pool, as the worker sent it.
    """

    def __init__(
        self,
        load: Load,
        session: aiohttp.ClientSession,
        site: SiteProcess,
        database: Database,
        monitor: Connection,
    ) -> None:
        self.samples: list[Sample] = []
        self.last: dict[str, Any] = {}
        self._load = load
        self._session = session
        self._site = site
        self._database = database
        self._monitor = monitor
        self._worker: int | None = None

    async def run(self) -> None:
        """Sample for ever. Raises SiteFailed when gunicorn or its worker has died."""
        while True:
            await self.sample()
            await asyncio.sleep(INTERVAL)

    async def sample(self) -> None:
        """Take one sample; none if the site is too busy to answer."""
        self._site.check()
        try:
            async with self._session.get("/pool") as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            return
        if self._worker not in (None, answer["pid"]):
            raise SiteFailed("a worker of gunicorn has died", self._site.log())
        self._worker = answer["pid"]
        server = await asyncio.to_thread(self._count)
        self.last = answer["pools"][0] if answer["pools"] else {}
        states = ("size", "opening", "idle", "in_use", "closing", "waiting")
        numbers = {state: self.last.get(state, 0) for state in states}
        self.samples.append(Sample(at=self._load.elapsed, server=server, **numbers))

    def _count(self) -> int | None:
        try:
            return self._database.connections(self._monitor)
        except psycopg2.Error:
            return None
