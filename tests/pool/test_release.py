"""Giving a connection back: kept, handed over or evicted; exactly once."""

from __future__ import annotations

import gevent
import pytest
from fakes import FAILS, HELD, DriverError, Outcome, slow
from greenlet import GreenletExit

from django_pgpool.pool import Reason
from django_pgpool.pool.runtime import GeventRuntime
from pool.conftest import Rig, World


def test_a_clean_connection_is_kept(rig: Rig) -> None:
    rig.build()
    slot = rig.acquire()
    rig.release(slot)
    assert rig.numbers.idle == rig.numbers.size == 1
    assert rig.driver.calls["reset"] == 1
    assert rig.numbers.evictions == {}


def test_a_connection_that_cannot_be_cleaned_is_evicted_for_the_drivers_reason(rig: Rig) -> None:
    rig.build()
    slot = rig.acquire()
    rig.driver.script("reset", Outcome(result=Reason.BROKEN))
    rig.release(slot)
    assert rig.numbers.size == 0
    assert rig.numbers.evictions == {"broken": 1}
    assert not rig.driver.server


def test_a_cleaning_that_raises_evicts(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    rig.driver.script("reset", FAILS)
    with pytest.raises(DriverError):
        rig.release(slot)
    assert rig.numbers.evictions == {"dirty": 1}
    rig.is_whole()


def test_an_expired_connection_is_not_kept(rig: Rig) -> None:
    rig.build(expires=10.0)
    slot = rig.acquire()
    rig.advance(10.0)
    rig.release(slot)
    assert rig.numbers.size == 0
    assert rig.numbers.evictions == {"expired": 1}


def test_an_expired_connection_is_not_handed_over_but_replaced(rig: Rig) -> None:
    rig.build(expires=10.0, maxsize=1, maxwait=60.0)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.advance(10.0)
    rig.release(slot)
    assert waiter.get() is not slot
    assert rig.driver.most == 1


def test_evict_gives_the_room_to_a_waiter_at_once(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.evict(slot)
    assert waiter.done
    assert waiter.get() is not slot


def test_a_connection_counts_until_it_is_really_closed(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    rig.driver.always("close", HELD)
    (waiter,) = rig.waiters(1)
    rig.driver.let_go(slot.connection)
    rig.go(rig.pool.evict, slot, slot.lease)
    rig.settle()
    assert rig.numbers.closing == rig.numbers.size == 1
    assert not waiter.done
    rig.driver.finish("close")
    rig.settle()
    assert waiter.done
    assert rig.driver.most == 1


def test_a_close_that_fails_frees_its_slot(rig: Rig) -> None:
    rig.build(maxsize=1)
    rig.driver.always("close", FAILS)
    rig.evict(rig.acquire())
    rig.is_whole()


# ---- exactly once


def test_a_second_release_is_refused_loudly(rig: Rig) -> None:
    rig.build(name="shop")
    slot = rig.acquire()
    lease = slot.lease
    rig.release(slot)
    with pytest.raises(RuntimeError, match="Pool 'shop': this connection was released before"):
        rig.run(rig.pool.release, slot, lease)
    with pytest.raises(RuntimeError, match="released before"):
        rig.run(rig.pool.evict, slot, lease)
    assert rig.numbers.idle == 1


def test_a_stale_release_does_not_touch_the_next_holder(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    stale = slot.lease
    rig.release(slot)
    assert rig.acquire() is slot
    resets = rig.driver.calls["reset"]
    for give_back in (rig.pool.release, rig.pool.evict):
        with pytest.raises(RuntimeError, match="released before"):
            rig.run(give_back, slot, stale)
    assert rig.driver.calls["reset"] == resets
    assert rig.numbers.in_use == 1


def test_a_stale_release_does_not_touch_one_to_whom_the_slot_was_handed_over(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    stale = slot.lease
    (waiter,) = rig.waiters(1)
    rig.release(slot)
    assert waiter.get() is slot
    with pytest.raises(RuntimeError, match="released before"):
        rig.run(rig.pool.release, slot, stale)


@pytest.mark.parametrize("how", ["release", "evict"])
def test_of_two_releases_that_overlap_one_is_refused(rig: Rig, how: str) -> None:
    rig.build(maxsize=2)
    slot = rig.acquire()
    lease = slot.lease
    rig.driver.let_go(slot.connection)
    rig.driver.always("reset", HELD)
    first = rig.go(rig.pool.release, slot, lease)
    second = rig.go(getattr(rig.pool, how), slot, lease)
    rig.settle()
    assert isinstance(second.error, RuntimeError)
    rig.driver.finish("reset")
    rig.settle()
    assert first.get() is None
    rig.driver.always("reset", slow(0.0))
    assert len(set(rig.fill(2))) == 2


# ---- killed


def test_who_is_killed_while_cleaning_leaves_no_dirty_connection(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    rig.driver.script("reset", HELD)
    release = rig.go(rig.pool.release, slot, slot.lease)
    rig.settle()
    rig.kill(release)
    rig.settle()
    assert isinstance(release.error, GreenletExit)
    assert rig.numbers.evictions == {"dirty": 1}
    assert not rig.driver.server
    rig.is_whole()


def test_who_is_killed_while_cleaning_and_again_while_closing_loses_no_slot(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.driver.let_go(slot.connection)
    rig.driver.script("reset", HELD)
    rig.driver.script("close", HELD)
    release = rig.go(rig.pool.release, slot, slot.lease)
    for _ in range(2):
        rig.settle()
        assert not release.done
        rig.kill(release)
    rig.settle()
    assert release.done
    assert waiter.done


def test_a_waiter_granted_and_killed_in_the_same_turn_of_the_loop_passes_its_slot_on() -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(maxsize=1)
    slot = pool.acquire()
    dying, next_one = gevent.spawn(pool.acquire), gevent.spawn(pool.acquire)
    gevent.sleep(0)
    assert pool.snapshot().waiting == 2
    dying.kill(block=False)  # scheduled before the grant: it gets the slot while dying
    pool.release(slot, slot.lease)
    assert next_one.get(timeout=5.0) is slot
    assert isinstance(dying.value, GreenletExit)
    numbers = pool.snapshot()
    assert (numbers.in_use, numbers.waiting, numbers.acquires) == (1, 0, 2)
    pool.release(slot, slot.lease)
    pool.close()


def test_a_waiter_killed_with_no_successor_leaves_its_slot_idle(rig: Rig) -> None:
    pool = rig.build(maxsize=1)
    slot = rig.acquire()
    (dying,) = rig.waiters(1)
    rig.driver.let_go(slot.connection)
    rig.go(pool.release, slot, slot.lease)
    rig.simulation.step()  # handed over; the waiter has not run yet
    assert rig.numbers.acquires == 2
    rig.simulation.switch_into(dying, GreenletExit())
    rig.settle()
    assert rig.numbers.idle == 1
    assert rig.numbers.acquires == 1
    assert rig.numbers.abandoned == 0


def test_a_slot_that_has_expired_in_the_hands_of_the_dying_is_closed(rig: Rig) -> None:
    pool = rig.build(maxsize=1, expires=10.0, maxwait=60.0)
    slot = rig.acquire()
    dying, next_one = rig.waiters(2)
    rig.driver.let_go(slot.connection)
    rig.go(pool.release, slot, slot.lease)
    rig.simulation.step()  # handed over; the waiter has not run yet
    rig.simulation.now += 10.0
    rig.simulation.ready.reverse()
    rig.simulation.switch_into(dying, GreenletExit())
    rig.settle()
    assert next_one.get() is not slot
    assert rig.numbers.evictions == {"expired": 1}
