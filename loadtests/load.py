"""Sends the requests of a scenario when they are due, whether or not earlier ones are answered."""

from __future__ import annotations

import asyncio

import aiohttp

from .arrivals import Arrival
from .recorder import Recorder
from .scenarios import Scenario
from .site import ERROR_HEADER

CLIENT_PATIENCE = 30.0
"""Seconds after which a visitor gives up. More than any sensible maxwait."""
KEEP_ALIVE = 15.0
"""Seconds for which the client keeps an unused connection to the site."""


def client(path: str) -> aiohttp.ClientSession:
    """An HTTP client for the unix socket at ``path``, with as many connections as it takes."""
    return aiohttp.ClientSession(
        "http://localhost",
        connector=aiohttp.UnixConnector(path, limit=0, keepalive_timeout=KEEP_ALIVE),
        timeout=aiohttp.ClientTimeout(total=CLIENT_PATIENCE),
    )


class Load:
    """One run of ``scenario``, recorded in ``recorder``.

    Open loop: nothing that the site does delays an arrival, so a slow site meets the same load
    as a fast one.
    """

    def __init__(
        self, scenario: Scenario, session: aiohttp.ClientSession, recorder: Recorder
    ) -> None:
        self._scenario = scenario
        self._session = session
        self._recorder = recorder
        self._begin = asyncio.get_running_loop().time()

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return asyncio.get_running_loop().time() - self._begin

    async def run(self) -> None:
        """Send everything, and wait for the last answer and the end of the last phase."""
        async with asyncio.TaskGroup() as requests:
            for arrival in self._scenario.arrivals():
                await asyncio.sleep(arrival.at - self.elapsed)
                requests.create_task(self._request(arrival))
            await asyncio.sleep(self._scenario.seconds - self.elapsed)

    async def _request(self, arrival: Arrival) -> None:
        self._recorder.sent(arrival.phase, arrival.at, self.elapsed - arrival.at)
        error: str | None = "cut off"  # what becomes of it if the run is cancelled
        try:
            error = await self._error(arrival.path)
        finally:
            self._recorder.finished(arrival.phase, arrival.at, self.elapsed, error)

    async def _error(self, path: str) -> str | None:
        """What went wrong, in a word or two; None if all went well."""
        try:
            async with self._session.get(path) as response:
                await response.read()
        except TimeoutError:
            return "timeout"
        except aiohttp.ClientError as error:
            return type(error).__name__
        if response.ok:
            return None
        return response.headers.get(ERROR_HEADER, f"HTTP {response.status}")
