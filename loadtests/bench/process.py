"""A worker process, seen from its parent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Self

from .measures import Unavailable
from .watch import INTERVAL
from .worker import ERROR

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
"""Seconds that an answer may take longer than it was asked to."""
STOP = 2.0

Meanwhile = Callable[[], None]


class WorkerFailed(Exception):
    """A subject could not be measured. ``kind`` is short and says nothing about this machine."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind


class Worker:
    """Measures one subject in a process of its own, for the length of a ``with`` block."""

    def __init__(self, measure: str, arguments: dict[str, Any], python: Path | None = None) -> None:
        """``python``: that of another environment; by default, the one this runs in."""
        self._order = {"name": measure, **arguments}
        self._python = python or Path(sys.executable)
        paths = [str(ROOT)]
        if python is None:  # else only what is installed there
            paths += filter(None, [os.environ.get("PYTHONPATH")])
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def __enter__(self) -> Self:
        """Raises WorkerFailed, Unavailable."""
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            [self._python, "-m", "loadtests.bench.worker"],
            bufsize=0,  # nothing is left to be written when the pipe of a dead worker is closed
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for the parent, which ends this process
        )
        try:
            self._ask(self._order)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._log):
            assert file is not None
            file.close()

    def measure(self, seconds: float, meanwhile: Meanwhile | None = None) -> dict[str, float]:
        """One round of about ``seconds``: a number per metric. ``meanwhile`` is called every
        INTERVAL seconds. Raises WorkerFailed."""
        return self._ask({"seconds": seconds}, seconds, meanwhile)

    def _ask(
        self, order: dict[str, Any], seconds: float = 0.0, meanwhile: Meanwhile | None = None
    ) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        patience = PATIENCE + seconds
        deadline = monotonic() + patience
        interval = INTERVAL if meanwhile else patience  # else nothing disturbs the measuring
        while not select.select([self._process.stdout], [], [], interval)[0]:
            if monotonic() > deadline:
                raise WorkerFailed(f"no answer for {PATIENCE:.0f} s", "")
            if meanwhile:
                meanwhile()
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if answer.get(ERROR) == Unavailable.__name__:
            raise Unavailable(answer["message"])
        if ERROR in answer:
            raise WorkerFailed(answer[ERROR], answer["message"])
        return answer

    def _signal(self, signum: int) -> None:
        """To the process and to those that it has started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signum)

    def _ended(self) -> WorkerFailed:
        code = self._process.wait()
        self._log.seek(0)
        last = (self._log.read().strip().splitlines() or [""])[-1]
        return WorkerFailed(f"the process ended with code {code}", last)
