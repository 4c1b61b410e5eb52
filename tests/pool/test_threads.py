"""Without gevent: the same pool, limit, queue and waiting; a daemon thread as the reaper.

What other test modules parametrise by ``world`` runs here too.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
import pytest
from fakes import FakeDriver, slow
from gevent.threadpool import ThreadPool

from django_pgpool.exceptions import PoolClosed, PoolExhausted
from django_pgpool.pool import Pool
from django_pgpool.pool.runtime import GeventRuntime, ThreadParker, ThreadRuntime
from django_pgpool.pool.timed import SILENT, Meter, meter, unmeter
from pool.conftest import World, eventually

SCRIPT = """
from fakes import FakeDriver
from django_pgpool.pool import Pool
from django_pgpool.pool.runtime import ThreadRuntime, current_runtime
assert isinstance(current_runtime(), ThreadRuntime)
pool = Pool(FakeDriver(ThreadRuntime()), cleanup=3600.0)
slot = pool.acquire()
pool.release(slot, slot.lease)
print("done")
"""


@pytest.fixture
def threads() -> World:
    return World(ThreadRuntime(), time.sleep)


@pytest.mark.threads
def test_threads_that_come_and_go_as_meters_lose_none_of_another(threads: World) -> None:
    pool = threads.build(maxsize=1)
    silent = [Meter(*SILENT) for _ in range(4)]
    meter(pool, stays := silent.pop())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        results = [threads.start(partial(_come_and_go, pool, one)) for one in silent]
        for result in results:
            result(30.0)
    finally:
        sys.setswitchinterval(interval)
    assert [one is stays for one in pool._meters] == [True]  # type: ignore[attr-defined]
    unmeter(pool, stays)
    assert type(pool) is Pool
    pool.close()


def _come_and_go(pool: Pool[Any], one: Meter) -> None:
    for _ in range(2000):
        meter(pool, one)
        unmeter(pool, one)


@pytest.mark.threads
def test_100_threads_never_exceed_maxsize(threads: World) -> None:
    pool = threads.build(maxsize=5, maxwait=30.0)
    threads.driver.always("open", slow(0.01))

    def work() -> None:
        for _ in range(10):
            slot = pool.acquire()
            with threads.driver.using(slot.connection):
                time.sleep(0.0005)
            pool.release(slot, slot.lease)

    for result in [threads.start(work) for _ in range(100)]:
        result(30.0)
    assert threads.driver.most <= 5
    assert not threads.driver.faults
    assert pool.snapshot().acquires == 1000
    pool.close()


@pytest.mark.threads
def test_threads_are_served_in_the_order_of_arrival(threads: World) -> None:
    pool = threads.build(maxsize=1)
    slot = pool.acquire()
    order: list[int] = []

    def work(number: int) -> None:
        mine = pool.acquire()
        order.append(number)
        pool.release(mine, mine.lease)

    results = []
    for number in range(10):
        results.append(threads.start(work, number))
        threads.eventually(lambda number=number: pool.snapshot().waiting == number + 1)
    pool.release(slot, slot.lease)
    for result in results:
        result()
    assert order == list(range(10))
    pool.close()


@pytest.mark.threads
def test_a_thread_waits_no_longer_than_maxwait(threads: World) -> None:
    pool = threads.build(maxsize=1)
    slot = pool.acquire()
    started = time.monotonic()
    with pytest.raises(PoolExhausted):
        pool.acquire(0.05)
    assert 0.04 < time.monotonic() - started < 5.0
    pool.release(slot, slot.lease)
    pool.close()


@pytest.mark.threads
def test_of_two_threads_that_release_the_same_lease_one_is_refused(threads: World) -> None:
    pool = threads.build(maxsize=2)
    threads.driver.always("reset", slow(0.01))
    for _ in range(20):
        slot = pool.acquire()
        lease = slot.lease
        results = [threads.start(pool.release, slot, lease) for _ in range(2)]
        refused = 0
        for result in results:
            try:
                result()
            except RuntimeError:
                refused += 1
        assert refused == 1
        assert len({id(pool.acquire()) for _ in range(2)}) == 2
        for held in list(pool._slots):
            pool.release(held, held.lease)
    pool.close()


@pytest.mark.threads
def test_an_empty_pool_keeps_no_thread(threads: World) -> None:
    before = set(threading.enumerate())
    pool = threads.build(cleanup=0.02)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    threads.eventually(lambda: not pool.snapshot().size)
    threads.eventually(lambda: set(threading.enumerate()) <= before)


@pytest.mark.threads
def test_a_process_ends_though_its_reaper_sleeps() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.threads
def test_no_thread_to_be_had_is_a_failed_opening(
    threads: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = threads.build()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.acquire()
        assert pool.snapshot().size == pool.snapshot().waiting == 0
    threads.eventually(lambda: time.monotonic() > pool._growth.retry_at)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    pool.close()


class Watched(deque[Any]):
    """The queue, with something that happens just before somebody enters it."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def append(self, waiter: Any) -> None:
        self._meanwhile()
        super().append(waiter)


@pytest.mark.threads
def test_a_release_that_does_not_see_the_queue_yet_is_not_missed(threads: World) -> None:
    pool = threads.build(maxsize=1, maxwait=30.0)
    slot = pool.acquire()
    lease = slot.lease

    def meanwhile() -> None:
        threads.start(pool.release, slot, lease)
        threads.eventually(lambda: slot in pool._idle)

    pool._queue = Watched(meanwhile)
    assert threads.start(pool.acquire)(10.0) is slot
    pool.close()


@pytest.mark.threads
def test_a_close_that_does_not_see_the_queue_yet_is_not_missed(threads: World) -> None:
    pool = threads.build(maxsize=1, maxwait=30.0)
    slot = pool.acquire()
    pool._queue = Watched(lambda: threads.start(pool.close)(10.0))
    with pytest.raises(PoolClosed):
        threads.start(pool.acquire)(10.0)
    pool.release(slot, slot.lease)
    assert pool.snapshot().size == pool.snapshot().waiting == 0


@pytest.mark.threads
def test_a_slot_that_has_gone_before_the_queue_was_entered_is_replaced(threads: World) -> None:
    pool = threads.build(maxsize=1, maxwait=30.0)
    slot = pool.acquire()

    def meanwhile() -> None:
        threads.start(pool.evict, slot, slot.lease)(10.0)
        threads.eventually(lambda: pool.snapshot().size == 0)

    pool._queue = Watched(meanwhile)
    assert threads.start(pool.acquire)(10.0) is not slot
    pool.close()


@pytest.mark.threads
def test_a_waiter_whose_time_is_up_while_it_is_being_served_gets_its_slot(threads: World) -> None:
    pool = threads.build(maxsize=1, cleanup=None, expires=None)
    slot = pool.acquire()

    class Late(ThreadParker):
        """Of this pool's waiters alone: the reapers of others may park, too."""

        def park(self, seconds: float) -> None:
            """The time is up; before the waiter looks, it is served."""
            pool.release(slot, slot.lease)

    pool._runtime.main_parker = Late
    assert threads.start(pool.acquire)(10.0) is slot
    pool.release(slot, slot.lease)
    pool.close()


@pytest.mark.threads
def test_a_release_that_does_not_see_that_the_reaper_goes_to_sleep_is_not_missed(
    threads: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = threads.build(maxsize=2)
    first, last = pool.acquire(), pool.acquire()
    pool.retire()
    next_due = pool._reaper._next_due
    releases: list[threading.Thread] = []

    def asked(now: float) -> float:
        due = next_due(now)
        if pool._slots == {last} and not releases:
            releases.append(threading.Thread(target=pool.release, args=(last, last.lease)))
            releases[0].start()
            releases[0].join(0.1)  # it waits for the lock if it wants to wake the reaper
        return due

    monkeypatch.setattr(pool._reaper, "_next_due", asked)
    pool.release(first, first.lease)
    threads.eventually(lambda: pool.snapshot().size == 0)


def test_uses_that_end_at_the_same_moment_are_both_counted() -> None:
    pool: Pool[Any] = Pool(
        FakeDriver(ThreadRuntime()), runtime=ThreadRuntime(), expires=None, cleanup=None
    )
    evicted, released = pool.acquire(), pool.acquire()
    evicted.acquired_at = released.acquired_at = 0.0

    def meanwhile() -> float:
        pool._clock = lambda: 1.0
        pool.release(released, released.lease)
        return 1.0

    pool._clock = meanwhile
    pool.evict(evicted, evicted.lease)
    assert pool.snapshot().use_seconds == 2.0
    pool.close()


@pytest.mark.threads
def test_an_idle_slot_that_another_thread_takes_first_is_no_error(threads: World) -> None:
    pool = threads.build(maxsize=1, maxwait=30.0)
    slot = pool.acquire()
    taken: list[int] = []

    class Asked(Watched):
        """Others go on between this question and the next, at the end of a loop."""

        def __bool__(self) -> bool:
            if pool._idle:
                taken.append(pool.acquire().lease)
            return len(self) > 0

    pool._queue = Asked(lambda: threads.start(pool.release, slot, slot.lease)(10.0))
    waiter = threads.start(pool.acquire)
    threads.eventually(lambda: taken)
    threads.eventually(lambda: pool.snapshot().waiting == 1)
    pool.release(slot, *taken)
    assert waiter(10.0) is slot
    pool.close()


def test_of_two_threads_that_release_the_same_only_one_succeeds() -> None:
    runtime = ThreadRuntime()
    pool: Pool[Any] = Pool(FakeDriver(runtime), runtime=runtime)
    slot = pool.acquire()
    lease = slot.lease
    reset, resets = pool._reset, []

    def meanwhile(connection: Any) -> Any:
        resets.append(connection)
        with pytest.raises(RuntimeError, match="released before"):
            pool.release(slot, lease)
        return reset(connection)

    pool._reset = meanwhile
    pool.release(slot, lease)
    with pytest.raises(RuntimeError, match="released before"):
        pool.release(slot, lease)
    assert resets == [slot.connection]
    assert pool.snapshot().idle == 1
    assert pool.acquire().lease not in (lease, -lease)
    pool.close()


# ---- greenlets of several threads share one pool


def test_greenlets_and_foreign_threads_share_a_pool() -> None:
    runtime = GeventRuntime()
    driver = FakeDriver(runtime)
    pool: Pool[Any] = Pool(driver, maxsize=3, maxwait=30.0, cleanup=0.1, runtime=runtime)
    foreign = ThreadPool(4)
    driver.always("open", slow(0.002))

    def work() -> None:
        for _ in range(50):
            slot = pool.acquire()
            with driver.using(slot.connection):
                gevent.sleep(0.0005)
            pool.release(slot, slot.lease)

    jobs = [foreign.spawn(work) for _ in range(4)] + [gevent.spawn(work) for _ in range(8)]
    for job in jobs:
        job.get(timeout=60.0)
    assert pool.snapshot().acquires == 12 * 50
    assert driver.most <= 3
    assert not driver.faults
    eventually(lambda: not pool.snapshot().size, gevent.sleep)
    foreign.kill()
    pool.close()
