"""Django's tests of one label with one engine, in a process of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = ("-m", "gevent.monkey", "runtests.py", "--settings=tests.django_suite.settings")
SLOWEST, SLOWEST_END = 900, 60
"""Seconds without any event after which the process is given up, before and after its tests have
finished. (A single test has less.)"""


@dataclass(frozen=True)
class Outcome:
    kind: str
    """"ok", "skipped", "failure", "error" or "unexpected success"."""
    why: str = ""

    @property
    def failed(self) -> bool:
        return self.kind in ("failure", "error", "unexpected success")

    def __str__(self) -> str:
        first = self.why.strip().split("\n", maxsplit=1)[0]
        return f"{self.kind}: {first}" if first else self.kind


@dataclass
class Run:
    """What became of the tests. A test without outcome did not end, nor did the process well."""

    total: int = 0
    last: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    finished: bool = False
    exit_code: int | None = None
    """None: it had to be killed."""
    seconds: float = 0.0

    def add(self, event: dict[str, Any]) -> None:
        self.total = event.get("total", self.total)
        self.last = event.get("start", self.last)
        self.finished = event.get("finished", self.finished)
        if "test" in event:
            outcome = Outcome(event["outcome"], event.get("why", ""))
            before = self.outcomes.get(event["test"])
            if before is None or not before.failed:  # a test can fail in its clean-up, too
                self.outcomes[event["test"]] = outcome

    @property
    def failures(self) -> dict[str, Outcome]:
        return {test: outcome for test, outcome in self.outcomes.items() if outcome.failed}


def run_tests(
    tests: Path, label: str, databases: dict[str, Any], log: Path, progress: Callable[[Run], None]
) -> Run:
    """Run them under gevent; ``progress`` is called again and again. What they print goes to
    ``log``."""
    run, began = Run(), time.monotonic()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        log.open("w") as output,
    ):
        events = Path(directory) / "events"
        events.touch()
        process = subprocess.Popen(
            [sys.executable, *COMMAND, "--noinput", "--parallel=1", label],
            cwd=tests,
            env=_environment(databases, events, directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for this process alone, which ends them all
        )
        try:
            _follow(process, events, run, progress)
            run.exit_code = process.poll()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    run.seconds = time.monotonic() - began
    return run


def _environment(databases: dict[str, Any], events: Path, directory: str) -> dict[str, str]:
    ours = {
        "DJANGO_SUITE_DATABASES": json.dumps(databases),
        "DJANGO_SUITE_EVENTS": str(events),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": directory,
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "PYTHON"))}
    return {**kept, **ours}


def _follow(
    process: subprocess.Popen[bytes], events: Path, run: Run, progress: Callable[[Run], None]
) -> None:
    heard = time.monotonic()
    line = ""
    with events.open() as file:
        while True:
            ended = process.poll() is not None
            for part in file.readlines():  # the last one may be being written
                line += part
                if line.endswith("\n"):
                    run.add(json.loads(line))
                    line = ""
                    heard = time.monotonic()
            progress(run)
            silence = time.monotonic() - heard
            if ended or silence > (SLOWEST_END if run.finished else SLOWEST):
                return
            time.sleep(0.1)
