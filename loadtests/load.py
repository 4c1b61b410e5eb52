"""Sends the requests of a scenario when they are due, whether or not earlier ones are answered."""

from __future__ import annotations

import asyncio

import aiohttp

from .arrivals import Arrival
from .recorder import KILLED, Outcome, Recorder
from .scenarios import Scenario
from .site import ERROR_HEADER, USE_HEADER, WAIT_HEADER

CLIENT_PATIENCE = 30.0
"""Seconds after which a visitor gives up. More than any sensible maxwait."""
KEEP_ALIVE = 15.0
"""Seconds for which the client keeps an unused connection to the site."""
_HEADERS = {"kill": {"Connection": "close"}}
"""By kind. gunicorn's gevent worker swallows the death of a request: without an answer it waits for
the next one on the same connection, which does not come."""


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
        phase, kind, at = arrival.phase, arrival.kind, arrival.at
        self._recorder.sent(phase, kind, at, self.elapsed - at)
        outcome = Outcome()
        try:
            outcome = await self._outcome(arrival)
        finally:
            self._recorder.finished(phase, kind, at, self.elapsed, outcome)

    async def _outcome(self, arrival: Arrival) -> Outcome:
        try:
            # Not a GET: aiohttp silently sends those again where the connection breaks.
            async with self._session.post(
                arrival.path, headers=_HEADERS.get(arrival.kind)
            ) as response:
                await response.read()
        except TimeoutError:
            return Outcome("timeout")
        except aiohttp.ServerDisconnectedError as error:
            return Outcome(KILLED if arrival.kind == "kill" else type(error).__name__)
        except aiohttp.ClientError as error:
            return Outcome(type(error).__name__)
        headers = response.headers
        wrong = None if response.ok else headers.get(ERROR_HEADER, f"HTTP {response.status}")
        return Outcome(wrong, _seconds(headers.get(WAIT_HEADER)), _seconds(headers.get(USE_HEADER)))


def _seconds(text: str | None) -> float | None:
    return None if text is None else float(text)
