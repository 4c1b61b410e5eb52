"""Exceptions out of nowhere: what a signal handler raises (an alarm, Celery's soft time limit,
Ctrl-C, sys.exit()) strikes between any two bytecodes. What is safe from it is the way of each
request, acquire and release without waiting; and a pool must not be blocked for ever.

Not among the tests of the pool: those watch each change of a slot's state, by Python code in which
an exception can strike, too.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import gevent
import pytest
from fakes import FakeDriver

from django_pgpool.pool import Pool
from django_pgpool.pool.measured import MeasuredPool
from django_pgpool.pool.runtime import GeventRuntime
from django_pgpool.pool.slot import State


class Alarm(BaseException):
    pass


@pytest.fixture(autouse=True)
def _ringing() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, 0.0)  # the test's own time limit
    gc.disable()  # what is raised in a callback of it, as hypothesis has one, is lost
    yield
    gc.enable()
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)
    signal.setitimer(signal.ITIMER_REAL, *timer)


@pytest.mark.parametrize("options", [{}, {"stats_interval": 60.0}], ids=["", "measured"])
def test_acquire_and_release_lose_nothing(options: dict[str, float]) -> None:
    random = Random(1)
    runtime = GeventRuntime()
    kind: Callable[..., Pool[Any]] = MeasuredPool if options else Pool
    for _ in range(300 if options else 1000):
        pool = kind(FakeDriver(runtime), runtime=runtime, **options)
        slot = pool.acquire()
        lease = slot.lease
        pool.release(slot, lease)
        with suppress(Alarm):
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 2e-4))
            for _ in range(10_000):
                slot = pool.acquire(0.0)
                lease = slot.lease
                pool.release(slot, lease)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        assert pool._lock.acquire(False), "held for ever"
        pool._lock.release()
        if slot.lease == lease and slot.state is State.IN_USE:
            pool.release(slot, lease)  # it struck between the two, where it was still ours
        assert pool.snapshot().in_use == 0, "lost"
        gevent.sleep(0)
        assert pool.snapshot().closing == 0, "lost on its way out"


def test_what_was_decided_before_the_exception_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def strike(*arguments: object) -> None:
        monkeypatch.undo()
        raise Alarm

    runtime = GeventRuntime()
    pool = Pool(FakeDriver(runtime), runtime=runtime)
    monkeypatch.setattr(Pool, "_carry_out", strike)
    with pytest.raises(Alarm):
        pool.acquire()
    slot = pool.acquire(10.0)
    pool.release(slot, slot.lease)
    assert pool.snapshot().idle == pool.snapshot().size
