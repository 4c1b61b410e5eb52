"""An opening is not begun after all, and meanwhile other threads have joined the queue, who rely on
it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from fakes import DriverError

from django_pgpool.exceptions import PoolExhausted
from django_pgpool.pool.growth import Growth
from django_pgpool.pool.runtime import ThreadParker, ThreadRuntime
from pool.conftest import World

SECONDS = 20.0


class Late(ThreadRuntime):
    """Whose openers begin when they are told to."""

    def __init__(self) -> None:
        self.begin = threading.Event()
        self.asleep = threading.Semaphore(0)
        """Counts those who have fallen asleep in the queue."""
        asleep = self.asleep

        class Parker(ThreadParker):
            def park(self, seconds: float) -> None:
                asleep.release()
                super().park(seconds)

        self.main_parker = Parker  # type: ignore[assignment]

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        def late() -> None:
            self.begin.wait(SECONDS)
            work()

        super().spawn(late, ended)


class Together(deque[Any]):
    """A queue that all have joined before one of them looks around."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._all = threading.Barrier(number)

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        self._all.wait(SECONDS)


@pytest.mark.threads
@pytest.mark.parametrize(
    ("maxsize", "joining"),
    [
        pytest.param(1, 1, id="it takes the only slot"),
        pytest.param(5, 2, id="after a failure it is the only one at a time"),
    ],
)
def test_who_relies_on_an_opening_that_is_dropped_is_served(
    maxsize: int, joining: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Late()
    world = World(runtime, time.sleep)
    pool = world.build(maxsize=maxsize, maxwait=60.0)
    if maxsize > 1:
        pool._growth.failed(time.monotonic() - 60.0, DriverError(), brief=False)
    with pytest.raises(PoolExhausted):
        pool.acquire(0.001)  # for whom an opening was decided on, and has not begun
    while runtime.asleep.acquire(blocking=False):
        pass
    pool._queue = pool._alarm._queue = Together(joining)
    results: list[Callable[..., Any]] = []
    begin_anew = Growth.begin_anew

    def meanwhile(growth: Growth) -> None:
        """The opener has looked at the queue, and is about to take itself out of the counts."""
        if not results:
            results.extend(world.start(pool.acquire) for _ in range(joining))
            for _ in range(joining):
                runtime.asleep.acquire(timeout=SECONDS)
        begin_anew(growth)

    monkeypatch.setattr(Growth, "begin_anew", meanwhile)
    runtime.begin.set()
    world.eventually(lambda: results)
    slots = [result(SECONDS) for result in results]
    assert pool.snapshot().in_use == len(set(slots)) == joining
    for slot in slots:
        pool.release(slot, slot.lease)
    pool.close()
    assert not world.driver.faults
