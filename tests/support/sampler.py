"""Another process that asks the server over and over which sessions there are.

Its clock is CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .processes import environment

PROGRAM = """
import json, sys, threading, time
import psycopg2

dsn, name = sys.argv[1:]
connection = psycopg2.connect(dsn)
connection.autocommit = True
cursor = connection.cursor()
samples, last = [], None
done = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
print("ready", flush=True)
while not done.is_set():
    before = time.monotonic()
    cursor.execute(
        "SELECT pid, state FROM pg_stat_activity WHERE application_name = %s", [name]
    )
    rows = cursor.fetchall()
    if rows != last:
        last = rows
        samples.append((before, rows, time.monotonic()))
    else:
        samples.append((before, None, time.monotonic()))
    time.sleep(0.0005)
connection.close()
json.dump(samples, sys.stdout)
"""


@dataclass(frozen=True)
class Sample:
    before: float
    """Clock reading before the server was asked, and after it had answered."""
    after: float
    sessions: dict[int, str]


@dataclass
class Samples:
    all: list[Sample] = field(default_factory=list)

    @property
    def most(self) -> int:
        return max((len(sample.sessions) for sample in self.all), default=0)


@contextmanager
def sampling(dsn: str, name: str) -> Iterator[Samples]:
    """Sample the sessions that call themselves ``name``; complete after the block."""
    samples = Samples()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, dsn, name],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield samples
        stdout, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
    rows: list[tuple[int, str]] = []
    for before, changed, after in json.loads(stdout):
        rows = rows if changed is None else changed
        samples.all.append(Sample(before, after, {pid: state or "" for pid, state in rows}))
