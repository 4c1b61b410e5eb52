"""Another process that counts the sessions of a server, over and over, also over its restarts.

Its clock is CLOCK_MONOTONIC, which all processes of a machine share. As a program it prints what it
has found when its standard input ends.
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
from typing import Any

import psycopg2

from .processes import environment


@dataclass
class Samples:
    """Complete after the ``with`` block."""

    count: int = 0
    most: int = 0
    """In one sample."""
    steady: int = 0
    """The most in two samples in a row: the server's list is not read in one instant, it can show a
    session that ends beside the one that replaces it."""
    above: float = 0.0
    """Seconds with more sessions than maxsize, in two samples in a row."""
    lost: list[float] = field(default_factory=list)
    """When the server went away, and when it was back."""
    back: list[float] = field(default_factory=list)


@contextmanager
def sampling(
    dsn: str, which: str, *, maxsize: float = float("inf"), pause: float = 0.0005
) -> Iterator[Samples]:
    """Count the sessions, while the block lasts, of which this SQL condition is true."""
    samples = Samples()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, json.dumps([dsn, which, maxsize, pause])],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield samples
        said, _ = process.communicate(timeout=30)
        vars(samples).update(json.loads(said.splitlines()[-1]))
        samples.back = samples.back[1:]  # the first is the beginning
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


class _Counter:
    def __init__(self, which: str, maxsize: float) -> None:
        self.samples = Samples()
        self._query = f"SELECT count(*) FROM pg_stat_activity WHERE {which}"
        self._maxsize = maxsize
        self._since: float | None = None
        self._before = 0

    def count(self, cursor: Any) -> None:
        cursor.execute(self._query)
        (sessions,) = cursor.fetchone()
        now = time.monotonic()
        samples = self.samples
        samples.count += 1
        samples.most = max(samples.most, sessions)
        samples.steady = max(samples.steady, min(self._before, sessions))
        self._before = sessions
        if sessions <= self._maxsize:
            self._since = None
        else:
            if self._since is not None:
                samples.above += now - self._since
            self._since = now


def _sample(dsn: str, which: str, maxsize: float, pause: float) -> Samples:
    done = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    counter = _Counter(which, maxsize)
    samples, connected = counter.samples, False
    while not done.is_set():
        try:
            connection = psycopg2.connect(dsn, connect_timeout=2)
            connection.autocommit = True
            cursor = connection.cursor()
            counter.count(cursor)
            if not connected:
                samples.back.append(time.monotonic())
                print("ready", flush=True)
                connected = True
            while not done.wait(pause):
                counter.count(cursor)
            counter.count(cursor)  # what there is at the end, however seldom it got to it before
            connection.close()
        except psycopg2.Error:
            if connected:
                samples.lost.append(time.monotonic())
                connected = False
            done.wait(pause)
    return samples


if __name__ == "__main__":
    print(json.dumps(vars(_sample(*json.loads(sys.argv[1])))))
