"""The memory of a waiter and of a slot.

Each round is measured in a process of its own: what an earlier one has freed would be used again.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

from . import Round

PACKAGE = "*/django_pgpool/*"
MANY = 2_000
"""Of which the mean is taken."""
LONG = 600.0
"""Seconds: until it has been measured."""


def prepare() -> Round:
    """Metrics, bytes: ``slot``, allocated by the pool; ``waiter``, allocated for a greenlet that
    waits for a connection beyond what is for one that sleeps; ``parked`` and ``floor``, by which
    the process grows for each of these."""

    def measure(seconds: float) -> dict[str, float]:
        command = [sys.executable, "-m", __spec__.name]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        numbers: dict[str, float] = json.loads(done.stdout)
        return numbers

    return measure


def _numbers() -> dict[str, float]:
    import gevent

    from .fake import full_pool

    pool = full_pool(1)
    pool.acquire()
    wait = partial(pool.acquire, LONG)

    def park(work: Callable[[], Any]) -> None:
        for _ in range(MANY):
            gevent.spawn(work)
        gevent.sleep(0)

    def sleep() -> None:
        gevent.sleep(LONG)

    for work in (sleep, wait):
        park(work)  # what only the first ones need
    return {
        "floor": _grown(lambda: park(sleep)),
        "parked": _grown(lambda: park(wait)),
        "waiter": _allocated(lambda: park(wait)) - _allocated(lambda: park(sleep)),
        "slot": _allocated(lambda: full_pool(MANY), PACKAGE),
    }


def _grown(make: Callable[[], object]) -> float:
    """Bytes of memory by which the process grows, for each of MANY."""
    from psutil import Process

    process = Process()
    gc.collect()
    before = process.memory_info().rss
    make()
    return (process.memory_info().rss - before) / MANY


def _allocated(make: Callable[[], object], files: str = "*") -> float:
    """Bytes of what ``make`` has allocated, in ``files``, and still holds, for each of MANY."""
    tracemalloc.start()
    made = make()
    gc.collect()
    found = tracemalloc.Filter(inclusive=True, filename_pattern=files)
    traces = tracemalloc.take_snapshot().filter_traces([found]).traces
    tracemalloc.stop()
    del made
    return sum(trace.size for trace in traces) / MANY


if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()
    print(json.dumps(_numbers()))
