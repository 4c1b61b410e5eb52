"""drain, resize, close, snapshot, reclaim: what operators and finalizers do to a running pool."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fakes import HELD, Outcome, slow

from django_pgpool.exceptions import PoolClosed
from django_pgpool.pool import Reason
from pool.conftest import Rig, World

# ---- drain


def test_drain_replaces_idle_connections_now_and_the_others_when_they_come_back(rig: Rig) -> None:
    rig.build()
    used, idle = rig.fill(2)
    rig.release(idle)
    rig.run(rig.pool.drain)
    assert used.connection.is_open
    assert rig.numbers.idle == 0
    assert rig.numbers.in_use == 1
    rig.release(used)
    assert rig.numbers.evictions == {"drained": 2}
    assert rig.acquire() not in (used, idle)


def test_drain_covers_a_connection_that_is_being_opened(rig: Rig) -> None:
    rig.build()
    rig.driver.script("open", HELD)
    (waiter,) = rig.waiters(1)
    rig.run(rig.pool.drain)
    rig.driver.finish("open")
    rig.settle()
    assert rig.numbers.evictions == {"drained": 1}
    assert rig.driver.opened == 2
    assert waiter.get().connection.number == 2


def test_drain_does_not_disturb_those_who_wait(rig: Rig) -> None:
    rig.build(maxsize=2)
    slots = rig.fill(2)
    waiters = rig.waiters(2)
    rig.run(rig.pool.drain)
    rig.release(*slots)
    assert all(waiter.get() not in slots for waiter in waiters)
    assert rig.driver.most == 2


def test_a_killed_drain_is_finished_by_the_reaper(rig: Rig) -> None:
    rig.build(cleanup=None)
    rig.release(*rig.fill(5))
    rig.driver.script("close", HELD)
    drain = rig.go(rig.pool.drain)
    rig.settle()
    rig.kill(drain)
    rig.advance(0.2)
    assert rig.numbers.size == 0


def test_one_connection_to_a_demoted_server_drains_the_pool(rig: Rig) -> None:
    rig.build()
    slots = rig.fill(3)
    rig.release(*slots[:2])
    rig.driver.script("reset", Outcome(result=Reason.DEMOTED))
    rig.release(slots[2])
    assert rig.numbers.size == 0
    assert rig.numbers.evictions == {"demoted": 1, "drained": 2}


def test_a_server_that_shuts_down_drains_the_pool(rig: Rig) -> None:
    rig.build()
    idle, busy, struck, last = rig.fill(4)
    rig.release(idle)
    rig.driver.script("reset", Outcome(result=Reason.TERMINATED))
    idle.connection.readable = True  # the server has ended that session, too
    rig.release(struck)
    assert rig.numbers.evictions == {"terminated": 1, "drained": 1}
    rig.release(busy, last)
    assert rig.numbers.evictions == {"terminated": 1, "drained": 3}


def test_one_terminated_session_does_not_empty_the_pool(rig: Rig) -> None:
    rig.build()
    idle, busy, struck = rig.fill(3)
    rig.release(idle)
    rig.driver.script("reset", Outcome(result=Reason.TERMINATED))
    rig.release(struck)
    rig.release(busy)
    assert rig.numbers.evictions == {"terminated": 1}
    assert rig.numbers.idle == 2


# ---- resize


def test_a_larger_limit_serves_waiters_at_once(rig: Rig) -> None:
    rig.build(maxsize=1)
    rig.acquire()
    waiters = rig.waiters(3)
    rig.run(rig.pool.resize, 3)
    assert [waiter.done for waiter in waiters] == [True, True, False]
    assert rig.numbers.size == rig.numbers.maxsize == 3


def test_a_smaller_limit_closes_idle_ones_first_and_the_rest_at_release(rig: Rig) -> None:
    rig.build(maxsize=5)
    slots = rig.fill(5)
    rig.release(*slots[:2])
    rig.run(rig.pool.resize, 2)
    assert rig.numbers.size == rig.numbers.in_use == 3
    rig.waiters(1, 0.1)
    rig.advance(1.0)
    assert rig.driver.opened == 5  # it does not grow above the new limit
    rig.release(*slots[2:])
    assert rig.numbers.size == rig.numbers.idle == 2
    assert rig.numbers.evictions == {"surplus": 3}


def test_a_smaller_limit_keeps_what_is_idle_within_it(rig: Rig) -> None:
    rig.build(maxsize=5)
    slots = rig.fill(4)
    for slot in slots:
        rig.release(slot)
        rig.advance(0.1)
    rig.run(rig.pool.resize, 3)
    assert set(rig.pool._idle) == set(slots[1:])  # the least recently used one has gone
    rig.is_whole()


def test_a_limit_that_shrinks_and_grows_again_is_the_new_limit(rig: Rig) -> None:
    rig.build(maxsize=4)
    slots = rig.fill(4)
    rig.run(rig.pool.resize, 1)
    rig.run(rig.pool.resize, 6)
    rig.release(*slots)
    rig.is_whole()
    assert rig.driver.most <= 6


@pytest.mark.parametrize("maxsize", [0, -1, 2, 4.5, "4"])
def test_a_limit_below_1_or_minsize_or_no_whole_number_is_refused(rig: Rig, maxsize: Any) -> None:
    rig.build(maxsize=5, minsize=3)
    with pytest.raises(ValueError, match="at least 1 and not below minsize=3"):
        rig.run(rig.pool.resize, maxsize)
    assert rig.pool.maxsize == 5


# ---- close


def test_close_fails_all_who_wait_and_closes_what_is_idle(world: World) -> None:
    pool = world.build(maxsize=1)
    slot = pool.acquire()
    waiters = [world.start(pool.acquire) for _ in range(3)]
    world.eventually(lambda: pool.snapshot().waiting == 3)
    pool.close()
    for waiter in waiters:
        with pytest.raises(PoolClosed):
            waiter()
    assert pool.closed
    assert pool.snapshot().in_use == 1
    pool.release(slot, slot.lease)
    assert pool.snapshot().size == 0
    assert pool.snapshot().evictions == {"closed": 1}
    pool.close()


def test_close_during_an_opening_leaves_nothing_open(rig: Rig) -> None:
    rig.build()
    rig.driver.script("open", HELD)
    (waiter,) = rig.waiters(1)
    rig.run(rig.pool.close)
    assert isinstance(waiter.error, PoolClosed)
    rig.driver.finish("open")
    rig.settle()
    assert rig.numbers.size == 0
    assert not rig.driver.server
    assert rig.driver.opened == 1


def test_close_before_an_opening_begins_cancels_it(rig: Rig) -> None:
    rig.build()
    rig.go(rig.pool.acquire)
    rig.go(rig.pool.close)
    rig.simulation.step()
    rig.simulation.step()
    rig.settle()
    assert rig.driver.calls["open"] == 0
    assert rig.numbers.size == 0


def test_a_killed_close_is_finished_by_the_reaper(rig: Rig) -> None:
    rig.build()
    rig.release(*rig.fill(3))
    rig.driver.script("close", HELD)
    close = rig.go(rig.pool.close)
    rig.settle()
    rig.kill(close)
    rig.advance(0.2)
    assert rig.numbers.size == 0
    assert rig.pool.closed


# ---- retire


def test_a_retired_pool_serves_those_who_wait_and_keeps_nothing(world: World) -> None:
    pool = world.build(maxsize=2, minsize=2, cleanup=None, expires=None)
    slots = [pool.acquire(), pool.acquire()]

    def use() -> int:
        slot = pool.acquire()
        world.sleep(0.001)
        number: int = slot.connection.number
        pool.release(slot, slot.lease)
        return number

    waiters = [world.start(use) for _ in range(10)]
    world.eventually(lambda: pool.snapshot().waiting == 10)
    pool.retire()
    assert pool.closed
    assert pool.snapshot().closed
    for slot in slots:
        pool.release(slot, slot.lease)
    assert {waiter() for waiter in waiters} <= {1, 2}, "those of the old connections"
    world.eventually(lambda: pool.snapshot().size == 0)
    assert pool.snapshot().evictions == {"closed": 2}


def test_what_is_idle_in_a_retired_pool_is_closed_before_retire_returns(rig: Rig) -> None:
    rig.build(cleanup=None, minsize=3)
    rig.release(*rig.fill(3))
    rig.run(rig.pool.retire)
    assert rig.numbers.size == 0
    assert rig.numbers.evictions == {"closed": 3}
    rig.settle()
    assert not rig.simulation.alive()


def test_a_retired_pool_sleeps_until_its_last_connection_comes_back(rig: Rig) -> None:
    rig.build(cleanup=None, minsize=1)
    (slot,) = rig.fill(1)
    rig.run(rig.pool.retire)
    rig.advance(0)
    assert not rig.simulation.alive(), "nothing to do while it is in use"
    rig.release(slot)
    rig.advance(0)
    assert rig.numbers.size == 0
    assert not rig.simulation.alive()


def test_openings_of_a_retired_pool_are_for_those_who_wait(rig: Rig) -> None:
    rig.build(cleanup=None, minsize=2)
    rig.driver.always("open", HELD)
    waiter, gone = rig.waiters(2)
    rig.run(rig.pool.retire)
    rig.driver.finish("open")
    rig.settle()
    rig.kill(gone)
    rig.settle()
    assert rig.numbers.opening, "for the one that has gone"
    rig.driver.finish("open")
    rig.advance(0)
    assert rig.numbers.size == rig.numbers.in_use == 1
    rig.release(waiter.get())
    rig.advance(0)
    assert rig.numbers.size == 0
    assert rig.driver.opened == 2
    assert not rig.simulation.alive()


def test_who_comes_late_to_a_retired_pool_is_served_too(rig: Rig) -> None:
    """Somebody who was led there a moment before."""
    rig.build(cleanup=None)
    rig.run(rig.pool.retire)
    rig.release(rig.acquire())
    rig.advance(0)
    assert rig.numbers.size == 0
    assert not rig.simulation.alive()


def test_a_killed_retire_is_finished_by_the_reaper(rig: Rig) -> None:
    rig.build(cleanup=None)
    rig.release(*rig.fill(3))
    rig.driver.script("close", HELD)
    retire = rig.go(rig.pool.retire)
    rig.settle()
    rig.kill(retire)
    rig.advance(0.2)
    assert rig.numbers.size == 0


# ---- reclaim


def test_what_a_dead_owner_held_comes_back_clean(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.driver.let_go(slot.connection)
    rig.pool.reclaim(slot, slot.lease)
    assert rig.numbers.in_use == 1  # nothing happens in the finalizer itself
    rig.settle()
    assert rig.driver.calls["reset"] == 1
    assert waiter.get() is slot
    assert rig.numbers.reclaimed == 1


def test_reclaiming_what_was_released_does_nothing(rig: Rig) -> None:
    rig.build()
    slot = rig.acquire()
    stale = slot.lease
    rig.release(slot)
    rig.acquire()
    rig.pool.reclaim(slot, stale)
    rig.settle()
    assert rig.numbers.in_use == 1
    assert rig.numbers.reclaimed == 0


def test_a_reclaim_killed_before_it_begins_is_made_up_for(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    rig.pool.reclaim(slot, slot.lease)
    reclaim = rig.simulation.alive()[-1]
    rig.simulation.switch_into(reclaim, KeyboardInterrupt())
    rig.settle()
    assert rig.numbers.in_use == 0
    rig.is_whole()


# ---- snapshot


def test_a_snapshot_is_frozen_and_says_everything(rig: Rig) -> None:
    rig.build(name="shop", maxsize=2, minsize=0, maxwaiting=1)
    rig.driver.always("open", slow(0.5))
    (slot,) = rig.fill(1)
    rig.advance(1.0)
    waiting = rig.go(rig.pool.acquire)
    rejected = rig.go(rig.pool.acquire)
    rig.advance(0.25)
    numbers = rig.numbers
    assert dataclasses.asdict(numbers) == {
        "pool": "shop",
        "maxsize": 2,
        "minsize": 0,
        "closed": False,
        "size": 2,
        "opening": 1,
        "idle": 0,
        "in_use": 1,
        "closing": 0,
        "waiting": 1,
        "acquires": 1,
        "waits": 2,
        "wait_seconds": 0.5,
        "wait_seconds_max": 0.5,
        "use_seconds": 0.0,
        "openings": 1,
        "open_failures": 0,
        "open_seconds": 0.5,
        "evictions": {},
        "exhausted": 0,
        "rejected": 1,
        "abandoned": 0,
        "reclaimed": 0,
        "last_error": None,
    }
    assert rejected.error
    with pytest.raises(dataclasses.FrozenInstanceError):
        numbers.size = 3  # type: ignore[misc]
    rig.advance(0.25)
    assert waiting.done
    rig.release(slot)
    assert rig.numbers.use_seconds == pytest.approx(2.0)
    assert rig.numbers.wait_seconds == pytest.approx(1.0)
    assert numbers.size == 2


def test_every_caller_is_counted_once(rig: Rig) -> None:
    rig.build(maxsize=1, maxwaiting=3)
    slot = rig.acquire()
    killed, exhausted = rig.waiters(1) + rig.waiters(1, 1.0)
    (served,) = rig.waiters(1)
    (rejected,) = rig.waiters(1)
    rig.kill(killed)
    rig.advance(2.0)
    rig.release(slot)
    assert served.done
    assert exhausted.error
    assert rejected.error
    numbers = rig.numbers
    assert (numbers.acquires, numbers.waits) == (2, 4)
    assert (numbers.abandoned, numbers.exhausted, numbers.rejected) == (1, 1, 1)
    assert numbers.wait_seconds_max == pytest.approx(2.0)
