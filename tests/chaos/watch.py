"""Another process that counts the sessions of a server, over and over, also over its restarts.

The clock is CLOCK_MONOTONIC, which all processes of a machine share. Run as a program
(``python watch.py DSN MAXSIZE``) it prints its findings when its standard input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg2

MINE = "chaos_"
"""Sessions whose application_name begins so are the test's own."""
_PAUSE = 0.002
_COUNT = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
    f"AND application_name NOT LIKE '{MINE}%'"
)


@dataclass
class Findings:
    """Complete after the ``with`` block."""

    samples: int = 0
    most: int = 0
    above: float = 0.0
    """Seconds with more sessions than maxsize. In both, one sample alone does not count: the
    server's list is not read in one instant, it can show a session that ends beside the one that
    replaces it."""
    lost: list[float] = field(default_factory=list)
    """When the server went away, and when it was back."""
    back: list[float] = field(default_factory=list)


class _Counter:
    def __init__(self, maxsize: int) -> None:
        self.findings = Findings()
        self._maxsize = maxsize
        self._since: float | None = None
        self._before = 0

    def count(self, cursor: object) -> None:
        cursor.execute(_COUNT)  # type: ignore[attr-defined]
        (sessions,) = cursor.fetchone()  # type: ignore[attr-defined]
        now = time.monotonic()
        self.findings.samples += 1
        self.findings.most = max(self.findings.most, min(self._before, sessions))
        self._before = sessions
        if sessions <= self._maxsize:
            self._since = None
        else:
            if self._since is not None:
                self.findings.above += now - self._since
            self._since = now


def _watch(dsn: str, maxsize: int) -> Findings:
    done = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    counter = _Counter(maxsize)
    findings, connected = counter.findings, False
    while not done.is_set():
        try:
            connection = psycopg2.connect(dsn, application_name=f"{MINE}watch", connect_timeout=2)
            connection.autocommit = True
            cursor = connection.cursor()
            counter.count(cursor)
            if not connected:
                findings.back.append(time.monotonic())
                print("ready", flush=True)
                connected = True
            while not done.wait(_PAUSE):
                counter.count(cursor)
            connection.close()
        except psycopg2.Error:
            if connected:
                findings.lost.append(time.monotonic())
                connected = False
            done.wait(_PAUSE)
    return findings


@contextmanager
def watching(dsn: str, maxsize: int) -> Iterator[Findings]:
    """Count the sessions of this server while the block lasts."""
    findings = Findings()
    process = subprocess.Popen(
        [sys.executable, __file__, dsn, str(maxsize)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield findings
        said, _ = process.communicate(timeout=30)
        vars(findings).update(json.loads(said.splitlines()[-1]))
        findings.back = findings.back[1:]  # the first is the beginning
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


if __name__ == "__main__":
    print(json.dumps(vars(_watch(sys.argv[1], int(sys.argv[2])))))
