"""One timer for all who wait, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import gevent
import pytest
from gevent.threadpool import ThreadPool

from django_pgpool.exceptions import PoolExhausted
from django_pgpool.pool import Pool, Slot
from loadtests.bench.measures.fake import FakeDriver, full_pool
from pool.conftest import eventually


class Full:
    """A pool whose only connection is in use, and which has met the main thread's hub."""

    def __init__(self) -> None:
        self.pool = full_pool(1)
        self.slot: Slot = self.pool.acquire()
        self.waiters: list[gevent.Greenlet[Any, Any]] = []
        self.ended: list[int] = []
        with pytest.raises(PoolExhausted):
            self.pool.acquire(maxwait=0.001)

    @property
    def alarm(self) -> Any:
        return self.pool._alarm

    def wait(self, maxwait: float) -> gevent.Greenlet[Any, Any]:
        number = len(self.waiters)

        def work() -> Slot | None:
            try:
                return self.pool.acquire(maxwait)
            except PoolExhausted:
                return None
            finally:
                self.ended.append(number)

        self.waiters.append(gevent.spawn(work))
        gevent.sleep(0)
        return self.waiters[-1]

    def release(self) -> None:
        self.pool.release(self.slot, self.slot.lease)

    def end(self) -> None:
        gevent.killall(self.waiters)
        assert self.alarm.sleepers == 0
        assert self.alarm.timer is None, "it would keep the loop alive"


@pytest.fixture
def full() -> Iterator[Full]:
    full = Full()
    yield full
    full.end()


def test_all_wait_by_one_timer_and_each_until_its_own_end(full: Full) -> None:
    for _ in range(3):
        full.wait(1.0)
        gevent.sleep(0.005)
    assert full.alarm.sleepers == 3
    gevent.joinall(full.waiters, timeout=20.0)
    assert full.ended == [0, 1, 2]
    assert full.pool.snapshot().exhausted == 4
    assert full.pool.snapshot().waiting == 0


def test_nobody_is_woken_before_his_time(full: Full) -> None:
    started = monotonic()
    full.wait(0.01)
    last = full.wait(0.1)
    last.join(20.0)
    assert last.ready()
    assert monotonic() - started >= 0.099


def test_who_is_served_needs_no_timer_any_more(full: Full) -> None:
    first, second = full.wait(30.0), full.wait(30.0)
    full.release()
    slot = first.get(timeout=20.0)
    full.pool.release(slot, slot.lease)
    assert second.get(timeout=20.0) is slot


def test_who_has_to_give_up_earlier_than_others_has_a_timer_of_its_own(full: Full) -> None:
    patient, hasty = full.wait(30.0), full.wait(0.01)
    hasty.join(20.0)
    assert full.ended == [1]
    assert full.alarm.sleepers == 1
    full.release()
    assert patient.get(timeout=20.0) is full.slot


def test_one_very_patient_caller_does_not_spoil_it_for_ever(full: Full) -> None:
    full.wait(3600.0).kill()
    next_one = full.wait(30.0)
    assert full.alarm.sleepers == 1
    full.release()
    assert next_one.get(timeout=20.0) is full.slot


def test_a_queue_that_shortens_while_it_rings_hides_nobody(full: Full) -> None:
    """Another thread serves the first one at the moment when his time is up."""
    full.wait(0.5)
    second = full.wait(0.6)
    first: Any = full.pool._queue[0]

    class Meanwhile(type(first)):  # type: ignore[misc]
        __slots__ = ()

        def wake(self) -> None:
            if full.pool._queue[0] is self:
                full.pool._queue.popleft()
                self.slot = full.slot
            super().wake()

    first.__class__ = Meanwhile
    gevent.joinall(full.waiters, timeout=20.0)
    assert full.waiters[0].get() is full.slot
    assert second.ready(), "it was forgotten"
    assert second.get() is None


def test_a_kill_leaves_the_others_their_time() -> None:
    """At three pools at the same time: the first, the second, the third is killed."""
    pools = [Full() for _ in range(3)]
    for which, full in enumerate(pools):
        for _ in range(3):
            full.wait(1.0)
        full.waiters[which].kill()
    for which, full in enumerate(pools):
        gevent.joinall(full.waiters, timeout=20.0)
        assert full.ended == [which] + [number for number in range(3) if number != which]
        assert full.pool.snapshot().abandoned == 1
        full.end()


def test_an_interrupted_alarm_rings_again(full: Full, hub_errors: list[BaseException]) -> None:
    clock, interrupts = full.alarm._clock, []

    def interrupted() -> float:
        if not interrupts:
            interrupts.append("a signal handler's")
            raise ZeroDivisionError
        return float(clock())

    full.alarm._clock = interrupted
    full.wait(0.01)
    full.wait(0.01)
    gevent.joinall(full.waiters, timeout=20.0)
    assert isinstance(hub_errors.pop(), ZeroDivisionError)
    assert full.ended == [0, 1]


def test_the_last_may_be_served_at_the_very_moment_it_rings(full: Full) -> None:
    full.wait(0.01)
    second = full.wait(30.0)
    full.waiters[0].join(20.0)
    full.alarm._ring()  # too early: it is set again
    assert full.alarm.timer is not None
    full.release()
    full.alarm._ring()  # nobody is in the queue, one has not yet run
    assert full.alarm.timer is None
    third = full.wait(0.01)
    assert second.get(timeout=20.0) is full.slot
    assert third.get(timeout=20.0) is None


@pytest.mark.parametrize("served", [True, False])
def test_those_of_other_threads_have_timers_of_their_own(full: Full, served: bool) -> None:
    foreign = ThreadPool(1)
    job = foreign.spawn(_acquired, full.pool, 30.0 if served else 0.01)
    eventually(lambda: full.pool.snapshot().waiting == 1 or job.ready(), gevent.sleep)
    mine = full.wait(30.0)
    assert full.alarm.sleepers == 1
    if served:
        full.release()
    slot = job.get(timeout=20.0)
    assert (slot is full.slot) is served
    full.alarm._ring()
    foreign.apply(full.pool.release, (full.slot, full.slot.lease))
    assert mine.get(timeout=20.0) is full.slot
    foreign.kill()


def _acquired(pool: Pool[Any], maxwait: float) -> Slot | None:
    try:
        return pool.acquire(maxwait)
    except PoolExhausted:
        return None


def test_a_pool_that_is_first_used_in_another_thread_meets_the_main_one_later() -> None:
    pool: Pool[Any] = Pool(FakeDriver(), maxsize=1)
    foreign = ThreadPool(1)
    slot = foreign.apply(pool.acquire)
    for sleepers in (0, 1):
        waiter = gevent.spawn(_acquired, pool, 30.0)
        gevent.sleep(0)
        assert pool._alarm.sleepers == sleepers
        waiter.kill()
    foreign.kill()
    pool.release(slot, slot.lease)
    pool.close()
