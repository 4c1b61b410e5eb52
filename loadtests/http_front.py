"""Real HTTP: a site under gunicorn, and requests over a unix socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, Self

from .arrivals import begun
from .errors import SiteFailed
from .front import Look
from .greenlets.worker import versions
from .load import Load, client
from .recorder import Recorder
from .scenarios import Scenario
from .site_process import SiteProcess


class HttpFront:
    """gunicorn with so many workers as ``scenario`` says; ``database`` is the DATABASES entry."""

    def __init__(self, scenario: Scenario, database: dict[str, Any]) -> None:
        common = scenario.common
        self._scenario = scenario
        self._site = SiteProcess(database, workers=common.workers, limit=common.pool.maxsize)
        self.versions: Mapping[str, str] = {**versions(), "gunicorn": version("gunicorn")}

    def __enter__(self) -> Self:
        self._site.__enter__()
        self.pids: tuple[int, ...] = (self._site.pid, *self._site.workers)
        return self

    def __exit__(self, *exception: object) -> None:
        self._site.__exit__(*exception)

    @asynccontextmanager
    async def load(self) -> AsyncIterator[HttpLoad]:
        """Begin the load."""
        async with AsyncExitStack() as stack:
            workers = [
                await stack.enter_async_context(_talking_to(path))
                for path in self._site.workers.values()
            ]
            session = await stack.enter_async_context(client(self._site.socket))
            yield HttpLoad(self._scenario, session, self._site, workers)


class HttpLoad(Load):
    """The load, and what the workers say on sockets of their own."""

    def __init__(
        self, scenario: Scenario, session: Any, site: SiteProcess, workers: list[Worker]
    ) -> None:
        self.recorder = Recorder(scenario.seconds)
        super().__init__(scenario, session, self.recorder)
        self._site = site
        self._workers = workers

    async def look(self) -> Look:
        """The site now. Raises SiteFailed."""
        at = self.elapsed
        answers = await asyncio.gather(*(worker.ask() for worker in self._workers))
        self._site.check()
        answered = [answer for answer in answers if answer is not None]
        if len(answered) < len(self._workers):
            raise SiteFailed("a worker of gunicorn has died", self._site.log())
        return Look.of(at, answered)

    def recent(self) -> dict[str, Any]:
        """See ``Recorder.recent``."""
        return self.recorder.recent(self.elapsed)

    async def finish(self) -> dict[str, Any]:
        """What was recorded."""
        seconds = self.elapsed
        return self.recorder.as_dict(seconds, begun(self._scenario.plan.phases, seconds))


class Worker:
    """The connection to one of gunicorn's workers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._due = 0
        """Answers that are still to come: some for those who have been cancelled."""

    async def ask(self) -> dict[str, Any] | None:
        """What it says of itself, see ``site.look``; None where it is dead."""
        line = b""
        try:
            self._writer.write(b"\n")
            self._due += 1
            while self._due:
                line = await self._reader.readline()
                self._due -= 1
        except ConnectionError:
            return None
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer


@asynccontextmanager
async def _talking_to(path: str) -> AsyncIterator[Worker]:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise SiteFailed("a worker of gunicorn has died", "") from error
    try:
        yield Worker(reader, writer)
    finally:
        writer.close()
