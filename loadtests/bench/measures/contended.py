"""Many greenlets over few connections, each held for one turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, pstdev
from time import process_time

import gevent

from . import Round
from .pools import SIZE, full

GREENLETS = 200
Operation = Callable[[], object]


def prepare(pool: str) -> Round:
    """Metrics: ``floor`` and ``cpu``, microseconds of CPU; ``spread``, that of the operations per
    greenlet."""
    operation = turn(pool, SIZE)
    crowd(operation, 0.05)

    def measure(seconds: float) -> dict[str, float]:
        floor, _ = crowd(lambda: gevent.sleep(0), seconds / 4)
        cpu, spread = crowd(operation, seconds * 3 / 4)
        return {"floor": floor, "cpu": cpu, "spread": spread}

    return measure


def turn(pool: str, size: int) -> Operation:
    """Acquire from ``pool`` with ``size`` connections, wait for one turn of the loop, release."""
    acquire, release, _ = full(pool, size)

    def operation() -> None:
        connection = acquire()
        gevent.sleep(0)
        release(connection)

    return operation


def crowd(operation: Operation, seconds: float, greenlets: int = GREENLETS) -> tuple[float, float]:
    """Let ``greenlets`` repeat ``operation``: microseconds of CPU per operation, and the
    coefficient of variation of the operations per greenlet."""
    counts = [0] * greenlets
    running = True

    def work(number: int) -> None:
        while running:
            operation()
            counts[number] += 1

    workers = [gevent.spawn(work, number) for number in range(greenlets)]
    gevent.sleep(0)  # by now all of them have begun
    before, began = counts.copy(), process_time()
    gevent.sleep(seconds)
    while counts == before and not any(worker.dead for worker in workers):
        gevent.sleep(0)  # the machine stood still all the time
    used = process_time() - began
    done = [now - then for now, then in zip(counts, before, strict=True)]
    running = False
    gevent.joinall(workers, raise_error=True)
    return used / sum(done) * 1e6, variation(done)


def variation(counts: list[int]) -> float:
    """Coefficient of variation: 0 where all are equal."""
    mean = fmean(counts)
    return pstdev(counts, mean) / mean if mean else 0.0
