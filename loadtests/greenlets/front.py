"""The front without HTTP, seen from its parent."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Self

from ..errors import SiteFailed
from ..front import Look
from ..recorder import Recorder
from ..scenarios import Scenario
from ..subject import Subject
from .worker import PATIENCE, Specification

ROOT = Path(__file__).parent.parent.parent
START = 30.0
"""Seconds in which the process has to be ready."""
LONGEST = 2**28
"""Bytes of a line; the last one has all results."""
STOP = 2.0
LOG_LINES = 15
DIED = "the process with the greenlets has died"


class GreenletsFront:
    """One process with greenlets, in the environment of ``subject``; ``database`` is the DATABASES
    entry. The tables have to be there."""

    def __init__(self, scenario: Scenario, subject: Subject, database: dict[str, Any]) -> None:
        plan, engine = scenario.plan, subject.engine
        self._scenario = scenario
        self._specification = Specification(
            database=database,
            end=engine.end,
            green=engine.green,
            limit=scenario.common.limit,
            phases=[asdict(phase) for phase in plan.phases],
            mix=dict(plan.mix),
            pages=scenario.pages,
            seed=scenario.common.seed,
        )
        self._python = subject.python
        self.versions: Mapping[str, str] = {}
        self.pids: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        """Raises SiteFailed."""
        paths = [str(ROOT)]
        if self._python is None:  # else only what is installed there
            paths += filter(None, [os.environ.get("PYTHONPATH")])
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            [self._python or sys.executable, "-m", "loadtests.greenlets.worker"],
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for the parent, which ends this process
        )
        self.pids = (self._process.pid,)
        try:
            self.versions = self._ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()
        self._output.close()
        self._log.close()

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout
        return self._process.stdout

    @asynccontextmanager
    async def load(self) -> AsyncIterator[GreenletsLoad]:
        """Begin the load."""
        reader = asyncio.StreamReader(LONGEST)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._output
        )
        load = GreenletsLoad(self._scenario.seconds, reader, self.say, self.log)
        try:
            yield load
        finally:
            load.close()
            transport.close()

    def say(self, line: str) -> None:
        """Ask something of the process. Raises SiteFailed."""
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except BrokenPipeError:
            raise SiteFailed(DIED, self.log()) from None

    def log(self) -> str:
        """The last lines that the process wrote."""
        self._log.seek(0)
        return "\n".join(["the end of its log:", *self._log.read().splitlines()[-LOG_LINES:]])

    def _ready(self) -> dict[str, str]:
        self.say(json.dumps(asdict(self._specification)))
        if not select.select([self._output], [], [], START)[0]:
            raise SiteFailed(f"the greenlets were not ready after {START:.0f} s", self.log())
        line = self._output.readline()
        if not line:
            raise SiteFailed(f"{DIED} at its start", self.log())
        versions: dict[str, str] = json.loads(line)["ready"]
        return versions


class GreenletsLoad:
    """The load in the other process, begun when this is made."""

    def __init__(self, seconds: float, reader: asyncio.StreamReader, say: Any, log: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader, self._say, self._log = reader, say, log
        self._answers: defaultdict[str, deque[asyncio.Future[Any]]] = defaultdict(deque)
        """Who expects them, by their name and in order; some may not wait any more."""
        self._recent = Recorder(seconds).recent(0)
        self._nothing = Recorder(seconds).as_dict(0, {})
        self._loaded = self._expect("loaded")
        say("go")
        self._begin = self._loop.time()
        self._reading = asyncio.ensure_future(self._read())

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return self._loop.time() - self._begin

    async def run(self) -> None:
        """Until the load has ended. Raises SiteFailed."""
        await self._loaded

    async def look(self) -> Look:
        """The process now. Raises SiteFailed."""
        answer = await self._ask("look")
        self._recent = answer["recent"]
        return Look.of(answer["at"], [answer])

    def recent(self) -> dict[str, Any]:
        """See ``Recorder.recent``; as of the last look."""
        return self._recent

    async def finish(self) -> dict[str, Any]:
        """End what still runs. What was recorded; nothing if the process has died."""
        with suppress(SiteFailed, TimeoutError):
            async with asyncio.timeout(PATIENCE + STOP):
                done: dict[str, Any] = await self._ask("stop", "done")
                return done
        return self._nothing

    def close(self) -> None:
        """Stop listening."""
        self._reading.cancel()
        for expected in self._expected():
            expected.cancel()

    async def _ask(self, question: str, answer: str | None = None) -> Any:
        expected = self._expect(answer or question)
        self._say(question)
        return await expected

    def _expect(self, answer: str) -> asyncio.Future[Any]:
        expected: asyncio.Future[Any] = self._loop.create_future()
        if self._reader.at_eof():
            expected.set_exception(SiteFailed(DIED, self._log()))
        self._answers[answer].append(expected)
        return expected

    def _expected(self) -> list[asyncio.Future[Any]]:
        return [one for several in self._answers.values() for one in several if not one.done()]

    async def _read(self) -> None:
        """Hand each line to who expects it. At the end of them all: the process is dead."""
        while line := await self._reader.readline():
            for name, value in json.loads(line).items():
                expected = self._answers[name].popleft()
                if not expected.done():
                    expected.set_result(value)
        for expected in self._expected():
            expected.set_exception(SiteFailed(DIED, self._log()))
