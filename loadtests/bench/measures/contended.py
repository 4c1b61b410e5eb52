"""Many greenlets over few connections, each held for one turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, pstdev
from time import process_time

import gevent

from . import Round
from .fake import full_pool

GREENLETS = 200
Operation = Callable[[], object]


def prepare() -> Round:
    """Metrics: ``floor`` and ``cpu``, microseconds of CPU; ``spread``, that of the operations per
    greenlet."""
    pool = full_pool()

    def operation() -> None:
        slot = pool.acquire()
        gevent.sleep(0)
        pool.release(slot, slot.lease)

    crowd(operation, 0.05)

    def measure(seconds: float) -> dict[str, float]:
        floor, _ = crowd(lambda: gevent.sleep(0), seconds / 4)
        cpu, spread = crowd(operation, seconds * 3 / 4)
        return {"floor": floor, "cpu": cpu, "spread": spread}

    return measure


def crowd(operation: Operation, seconds: float, greenlets: int = GREENLETS) -> tuple[float, float]:
    """Let ``greenlets`` repeat ``operation``: microseconds of CPU per operation, and the
    coefficient of variation of the operations per greenlet."""
    counts = [0] * greenlets
    running = True

    def work(number: int) -> None:
        while running:
            operation()
            counts[number] += 1

    began = process_time()
    workers = [gevent.spawn(work, number) for number in range(greenlets)]
    gevent.sleep(seconds)
    running = False
    gevent.joinall(workers, raise_error=True)
    used = process_time() - began
    return used / sum(counts) * 1e6, variation(counts)


def variation(counts: list[int]) -> float:
    """Coefficient of variation: 0 where all are equal."""
    mean = fmean(counts)
    return pstdev(counts, mean) / mean
