"""The sections of the micro-benchmark about pools without Django."""

from __future__ import annotations

import gevent
import pytest

from loadtests.bench.measures import crowds, fake, idle, memory, pools
from loadtests.engines import OWN
from loadtests.free_pool.pool import FreePool
from loadtests.free_pool.timed import TimedFreePool

HERE = (OWN, "free", "timed")


@pytest.mark.parametrize("name", HERE)
def test_a_pool_that_is_measured_is_full_and_opens_no_more(name):
    acquire, release, pair = pools.full(name, 3)
    held = [acquire() for _ in range(3)]
    waiter = gevent.spawn(acquire)
    gevent.sleep(0)
    assert not waiter.ready()
    release(held.pop())
    waiter.join(20)
    held.append(waiter.value)
    assert len({id(connection) for connection in held}) == 3
    for connection in held:
        release(connection)
    pair.warm_up()
    assert acquire() in held


@pytest.mark.parametrize("make", [FreePool, TimedFreePool])
def test_the_oldest_waiter_of_a_free_pool_is_first(make):
    pool, served = make(1), []
    connection = pool.acquire(object)

    def work(number):
        held = pool.acquire(object)
        served.append((number, held))
        gevent.sleep(0)
        pool.release(held)

    workers = [gevent.spawn(work, number) for number in range(5)]
    gevent.sleep(0)
    pool.release(connection)
    gevent.joinall(workers, timeout=20, raise_error=True)
    assert served == [(number, connection) for number in range(5)]


def test_a_curve_has_a_number_per_size():
    measure = crowds.prepare(OWN, {"few": (2, 4), "many": (2, 20)})
    numbers = measure(0.02)
    assert set(numbers) == {"few", "many"}
    assert min(numbers.values()) > 0


def test_a_pool_is_as_full_after_a_round_as_before(monkeypatch):
    made = []

    def full_pool(size):
        made.append(fake.full_pool(size))
        return made[-1]

    monkeypatch.setattr(idle, "full_pool", full_pool)
    numbers = idle.prepare([1, 5])(0.01)
    assert set(numbers) == {f"{what} {n}" for what in ("pair", "pass", "open") for n in (1, 5)}
    assert [pool.snapshot().idle for pool in made] == [1, 5]
    assert made[1].snapshot().openings > 5


@pytest.mark.long
def test_a_waiter_takes_hardly_more_than_a_sleeper_and_a_slot_takes_something():
    numbers = memory.prepare()(0)
    # As allocated. By how much the process grows depends on what the system gives and takes.
    assert numbers["waiter"] < 1000  # less than nothing where a timer of gevent's takes more
    assert 0 < numbers["slot"] < 1000
    assert {"floor", "parked"} < numbers.keys()
