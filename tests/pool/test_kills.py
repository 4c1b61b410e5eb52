"""Every park is a place to die: a kill at any of them loses nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import HELD, Outcome
from greenlet import GreenletExit
from virtual_time import Task

from django_pgpool.pool import Reason, Slot
from pool.conftest import Rig

Setup = Callable[[Rig], Task]


def queued(rig: Rig) -> Task:
    rig.fill(2)
    return rig.go(rig.pool.acquire)


def waiting_for_its_opening(rig: Rig) -> Task:
    rig.driver.script("open", HELD)
    return rig.go(rig.pool.acquire)


def in_a_ping(rig: Rig) -> Task:
    rig.release(*rig.fill(2))
    rig.advance(2.0)
    rig.driver.script("ping", HELD)
    return rig.go(rig.pool.acquire)


def closing_what_was_found_dead(rig: Rig) -> Task:
    slots = rig.fill(2)
    rig.release(*slots)
    slots[1].connection.readable = True
    rig.driver.script("close", HELD)
    return rig.go(rig.pool.acquire)


def cleaning(rig: Rig) -> Task:
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    rig.driver.script("reset", HELD)
    return rig.go(rig.pool.release, slot, slot.lease)


def closing_what_could_not_be_cleaned(rig: Rig) -> Task:
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    rig.driver.script("reset", Outcome(result=Reason.DIRTY))
    rig.driver.script("close", HELD)
    return rig.go(rig.pool.release, slot, slot.lease)


def evicting(rig: Rig) -> Task:
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    rig.driver.script("close", HELD)
    return rig.go(rig.pool.evict, slot, slot.lease)


def draining(rig: Rig) -> Task:
    rig.release(*rig.fill(2))
    rig.driver.script("close", HELD)
    return rig.go(rig.pool.drain)


def shrinking(rig: Rig) -> Task:
    rig.release(*rig.fill(2))
    rig.driver.script("close", HELD)
    return rig.go(rig.pool.resize, 1)


def opening(rig: Rig) -> Task:
    rig.driver.script("open", HELD)
    rig.waiters(1, 1.0)
    return rig.simulation.alive()[0]


def opening_before_it_has_begun(rig: Rig) -> Task:
    rig.go(rig.pool.acquire, 1.0)
    rig.simulation.step()
    return rig.simulation.alive()[0]


def closing_what_could_not_be_probed(rig: Rig) -> Task:
    rig.driver.script("probe", Outcome(error=OSError))
    rig.driver.script("close", HELD)
    rig.waiters(1, 1.0)
    return rig.simulation.alive()[0]


def reaping(rig: Rig) -> Task:
    rig.release(*rig.fill(2))
    rig.driver.script("close", HELD)
    (reaper,) = rig.simulation.alive()
    rig.advance(20.0)
    return reaper


def reaper_asleep(rig: Rig) -> Task:
    rig.release(rig.acquire())
    (reaper,) = rig.simulation.alive()
    return reaper


POINTS: list[Setup] = [
    queued,
    waiting_for_its_opening,
    in_a_ping,
    closing_what_was_found_dead,
    cleaning,
    closing_what_could_not_be_cleaned,
    evicting,
    draining,
    shrinking,
    opening,
    opening_before_it_has_begun,
    closing_what_could_not_be_probed,
    reaping,
    reaper_asleep,
]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
@pytest.mark.parametrize("with_a_waiter", [False, True])
def test_a_kill_loses_nothing(rig: Rig, point: Setup, with_a_waiter: bool) -> None:
    rig.build(maxsize=2, ping_after=1.0, maxwait=30.0)
    victim = point(rig)
    if point is not opening_before_it_has_begun:
        rig.settle()
    assert not victim.done
    unserved = [task for task in rig.callers if not task.done]
    in_use = [task.result for task in rig.callers if isinstance(task.result, Slot)]
    in_use = [slot for slot in in_use if slot.connection and slot.connection.holder]
    waiters = rig.waiters(1) if with_a_waiter else []
    unserved += waiters
    everybody = [task for task in unserved if task is not victim]
    rig.kill(victim)
    rig.settle()
    assert victim.done

    # Everybody else ends well: what is held ends, what is in use comes back.
    for step in list(rig.driver.pending):
        rig.driver.finish(step)
    rig.release(*in_use)
    while unserved:
        rig.advance(2.0)
        served = [task for task in unserved if task.done]
        assert served
        rig.release(*[task.result for task in served if isinstance(task.result, Slot)])
        unserved = [task for task in unserved if not task.done]
    # What fails is one opening of one point, and that fails one caller at most.
    failed = [task for task in everybody if task.error is not None]
    assert len(failed) <= (point is closing_what_could_not_be_probed)
    rig.is_whole()
    rig.advance(100.0)
    assert rig.numbers.size == 0
    assert not rig.driver.server
    assert not rig.simulation.alive()


@pytest.mark.parametrize(
    "error", [GreenletExit(), KeyboardInterrupt(), SystemExit(), TimeoutError()]
)
def test_whatever_is_thrown_at_a_waiter_reaches_its_caller(rig: Rig, error: BaseException) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    rig.kill(waiter, error)
    rig.settle()
    assert waiter.error is error
    assert rig.numbers.waiting == 0
    assert rig.numbers.abandoned == 1
    rig.release(slot)
    rig.is_whole()


def test_a_storm_of_kills_leaves_the_queue_in_order(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    waiters = rig.waiters(300)
    for waiter in waiters[::3] + waiters[1::3]:
        rig.kill(waiter)
    rig.settle()
    assert rig.numbers.waiting == 100
    for waiter in waiters[2::3]:
        rig.release(slot)
        assert waiter.get() is slot
        rig.driver.hold(slot.connection)
