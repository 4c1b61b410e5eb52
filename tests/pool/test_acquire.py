"""Taking a connection: which one, who is next, how long."""

from __future__ import annotations

import gevent
import pytest
from fakes import HELD, Outcome, slow

from django_pgpool.exceptions import PoolClosed, PoolExhausted
from django_pgpool.pool.runtime import GeventRuntime
from pool.conftest import Rig, World


def test_a_pool_starts_empty_and_opens_when_it_is_needed(world: World) -> None:
    pool = world.build(name="shop")
    assert pool.snapshot().size == world.driver.calls["open"] == 0
    slot = pool.acquire()
    with world.driver.using(slot.connection):
        assert pool.snapshot().in_use == pool.snapshot().size == 1
    pool.release(slot, slot.lease)
    assert pool.snapshot().idle == 1


def test_an_idle_connection_is_taken_without_any_call_of_the_driver(rig: Rig) -> None:
    rig.build()
    slot = rig.acquire()
    rig.release(slot)
    before = rig.driver.calls.copy()
    switches = rig.simulation.switches
    assert rig.acquire() is slot
    assert rig.driver.calls == before
    assert rig.simulation.switches == switches + 1  # that of the test's own task


def test_the_connection_that_was_used_last_is_taken_first(rig: Rig) -> None:
    rig.build()
    slots = rig.fill(5)
    rig.release(*slots)
    assert [rig.acquire() for _ in slots] == slots[::-1]


def test_what_the_server_has_closed_is_never_handed_out_and_costs_no_round_trip(rig: Rig) -> None:
    rig.build(maxsize=5, ping_after=0.0)
    slots = rig.fill(5)
    rig.release(*slots)
    for slot in slots:
        slot.connection.readable = True
    fresh = rig.acquire()
    assert fresh not in slots
    assert rig.driver.calls["ping"] == 0
    assert rig.numbers.evictions == {"broken": 5}
    assert rig.numbers.size == 1


def test_one_dead_connection_does_not_empty_the_pool(rig: Rig) -> None:
    rig.build()
    good, dead = rig.fill(2)
    rig.release(good, dead)
    dead.connection.readable = True
    assert rig.acquire() is good
    assert rig.numbers.evictions == {"broken": 1}


def test_only_a_connection_that_was_idle_for_long_is_pinged(rig: Rig) -> None:
    rig.build(ping_after=1.0)
    for idle_for, pings in ((0.5, 0), (1.0, 1), (0.9, 1), (5.0, 2)):
        rig.release(rig.acquire())
        rig.advance(idle_for)
        rig.release(rig.acquire())
        assert rig.driver.calls["ping"] == pings


def test_without_ping_after_nothing_is_ever_pinged(rig: Rig) -> None:
    rig.build(cleanup=None)
    rig.release(rig.acquire())
    rig.advance(200.0)
    rig.release(rig.acquire())
    assert rig.driver.calls["ping"] == 0


def test_a_connection_that_fails_its_ping_is_replaced(rig: Rig) -> None:
    rig.build(ping_after=1.0)
    slot = rig.acquire()
    rig.release(slot)
    rig.advance(1.0)
    rig.driver.script("ping", Outcome(result=False))
    assert rig.acquire() is not slot
    assert rig.numbers.evictions == {"broken": 1}
    assert rig.numbers.acquires == 2


def test_a_ping_that_raises_costs_its_caller_an_error_and_the_pool_nothing(rig: Rig) -> None:
    rig.build(ping_after=1.0, maxsize=2)
    rig.release(rig.acquire())
    rig.advance(1.0)
    rig.driver.script("ping", Outcome(error=lambda: ValueError("odd")))
    with pytest.raises(ValueError, match="odd"):
        rig.acquire()
    assert rig.numbers.size == 0
    rig.is_whole()


def test_an_expired_connection_is_not_handed_out_even_if_the_reaper_is_late(rig: Rig) -> None:
    rig.build(expires=10.0, cleanup=None)
    slot = rig.acquire()
    rig.release(slot)
    rig.simulation.now += 10.0  # time has passed, and no timer has fired yet
    assert rig.acquire() is not slot
    assert rig.numbers.evictions == {"expired": 1}


# ---- waiting


def test_a_caller_at_the_limit_waits_for_a_release(world: World) -> None:
    pool = world.build(maxsize=1)
    slot = pool.acquire()
    second = world.start(pool.acquire)
    world.eventually(lambda: pool.snapshot().waiting == 1)
    pool.release(slot, slot.lease)
    assert second() is slot
    assert pool.snapshot().acquires == 2
    pool.release(slot, slot.lease)


def test_connections_are_handed_over_in_the_order_of_arrival(rig: Rig) -> None:
    rig.build(maxsize=2)
    slots = rig.fill(2)
    waiters = rig.waiters(6)
    served = []
    for _ in range(3):
        for slot in slots:
            rig.release(slot)
            rig.driver.hold(slot.connection)
            served.append([task.done for task in waiters].count(True))
    assert served == [1, 2, 3, 4, 5, 6]
    assert [task.get() for task in waiters] == slots * 3


def test_who_releases_and_wants_another_one_queues_behind_those_who_wait(rig: Rig) -> None:
    pool = rig.build(maxsize=1)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.driver.let_go(slot.connection)

    def again() -> None:
        pool.release(slot, slot.lease)
        pool.acquire(0.5)

    greedy = rig.go(again)
    rig.settle()
    assert waiter.get() is slot
    rig.advance(1.0)
    assert isinstance(greedy.error, PoolExhausted)


def test_a_newcomer_does_not_overtake_one_who_was_granted_but_has_not_run_yet(rig: Rig) -> None:
    pool = rig.build(maxsize=1)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.driver.let_go(slot.connection)
    rig.go(pool.release, slot, slot.lease)
    newcomer = rig.go(pool.acquire)
    rig.settle()
    assert waiter.get() is slot
    assert not newcomer.done


def test_a_waiter_takes_a_released_connection_if_that_comes_before_the_opening(rig: Rig) -> None:
    rig.build()
    slot = rig.acquire()
    rig.driver.always("open", HELD)
    (waiter,) = rig.waiters(1)
    rig.release(slot)
    assert waiter.get() is slot
    rig.driver.finish("open")
    rig.settle()
    assert rig.numbers.idle == 1


def test_a_waiter_takes_the_opened_connection_if_that_comes_before_a_release(rig: Rig) -> None:
    rig.build()
    rig.acquire()
    rig.driver.always("open", HELD)
    (waiter,) = rig.waiters(1)
    rig.driver.finish("open")
    rig.settle()
    assert waiter.done
    assert rig.numbers.in_use == 2


def test_maxwait_ends_in_pool_exhausted(rig: Rig) -> None:
    rig.build(maxsize=1, maxwait=3.0)
    rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.advance(2.99)
    assert not waiter.done
    rig.advance(0.02)
    assert isinstance(waiter.error, PoolExhausted)
    assert waiter.error.waited == pytest.approx(3.0)
    assert waiter.error.snapshot is not None
    assert waiter.error.snapshot.in_use == 1
    assert rig.numbers.exhausted == 1
    assert rig.numbers.waiting == 0


def test_a_caller_may_wait_shorter_or_longer_than_the_pool_says(rig: Rig) -> None:
    rig.build(maxsize=1, maxwait=3.0)
    rig.acquire()
    hasty, patient, endless = (rig.waiters(1, maxwait)[0] for maxwait in (0.0, 5.0, float("inf")))
    rig.advance(0.01)
    assert isinstance(hasty.error, PoolExhausted)
    rig.advance(4.0)
    assert not patient.done
    rig.advance(1.0)
    assert isinstance(patient.error, PoolExhausted)
    rig.advance(10_000.0)
    assert not endless.done


def test_maxwait_of_no_time_at_all_still_takes_what_is_idle(world: World) -> None:
    pool = world.build(maxsize=1)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    assert pool.acquire(0.0) is slot
    with pytest.raises(PoolExhausted):
        pool.acquire(0.0)
    pool.release(slot, slot.lease)


def test_more_than_maxwaiting_callers_fail_at_once(rig: Rig) -> None:
    rig.build(maxsize=1, maxwaiting=2)
    slot = rig.acquire()
    rig.waiters(2)
    with pytest.raises(PoolExhausted):
        rig.acquire()
    assert rig.numbers.rejected == 1
    assert rig.numbers.waiting == 2
    rig.release(slot)
    assert rig.numbers.waiting == 1
    rig.waiters(1)
    assert rig.numbers.rejected == 1


def test_a_closed_pool_gives_nothing(world: World) -> None:
    pool = world.build(name="shop")
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    pool.close()
    with pytest.raises(PoolClosed, match=r"^Pool 'shop' is closed: "):
        pool.acquire()
    assert pool.snapshot().size == 0


def test_the_last_connection_may_die_in_the_hands_of_who_asks_for_another(rig: Rig) -> None:
    rig.build(maxsize=1)
    dead = rig.acquire()
    rig.evict(dead)
    assert rig.acquire() is not dead


# ---- many at once, really


def test_500_greenlets_at_once_never_exceed_maxsize() -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(maxsize=20, maxwait=30.0)
    world.driver.always("open", slow(0.1))

    def work() -> None:
        slot = pool.acquire()
        with world.driver.using(slot.connection):
            gevent.sleep(0.005)
        pool.release(slot, slot.lease)

    gevent.joinall([gevent.spawn(work) for _ in range(500)], raise_error=True)
    assert world.driver.most <= 20
    assert world.driver.most > 10  # and it did grow
    assert not world.driver.faults
    world.eventually(lambda: not pool.snapshot().opening)
    numbers = pool.snapshot()
    assert numbers.acquires == 500
    assert numbers.idle == numbers.size == world.driver.opened
    pool.close()


def test_200_greenlets_over_20_connections_do_the_same_number_of_operations() -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(maxsize=20)
    counts = [0] * 200
    stopped = False

    def work(index: int) -> None:
        while not stopped:
            slot = pool.acquire()
            gevent.sleep(0.0005)
            pool.release(slot, slot.lease)
            counts[index] += 1

    workers = [gevent.spawn(work, index) for index in range(200)]
    world.eventually(lambda: sum(counts) >= 40_000, timeout=60.0)
    stopped = True
    gevent.joinall(workers, raise_error=True)
    mean = sum(counts) / 200
    deviation = (sum((number - mean) ** 2 for number in counts) / 200) ** 0.5
    assert deviation / mean <= 0.02
    pool.close()
