"""Connections go when nobody needs them, without any traffic and without any idle wake-ups."""

from __future__ import annotations

import gc
import weakref

import gevent
import pytest
from fakes import FAILS, FULL, HELD, Outcome, slow
from gevent.threadpool import ThreadPool

from django_pgpool.pool import runtime
from django_pgpool.pool.reaper import BLOCKED
from django_pgpool.pool.runtime import DaemonParker, GeventRuntime
from pool.conftest import Rig, World


def test_a_pool_without_traffic_reaches_0(world: World) -> None:
    pool = world.build(cleanup=0.05)
    slots = [pool.acquire() for _ in range(5)]
    for slot in slots:
        pool.release(slot, slot.lease)
    world.eventually(lambda: pool.snapshot().size == 0)
    assert not world.driver.server
    assert set(pool.snapshot().evictions) <= {"idle", "surplus"}


def test_the_last_connection_goes_when_it_was_idle_for_cleanup_seconds(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(rig.acquire())
    rig.advance(19.9)
    assert rig.numbers.idle == 1
    rig.advance(0.2)
    assert rig.numbers.size == 0
    assert rig.numbers.evictions == {"idle": 1}


def test_what_the_load_does_not_need_goes_sooner(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(*rig.fill(10))
    rig.advance(3.4)
    assert rig.numbers.idle < 10
    rig.advance(10.0)
    assert rig.numbers.idle == 1
    assert rig.numbers.evictions == {"surplus": 9}


def test_a_surplus_does_not_stay_for_as_long_as_the_reaper_sleeps_for_another(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(rig.acquire())
    rig.advance(5.0)
    slots = rig.fill(10)
    rig.advance(0.1)
    rig.release(*slots)
    rig.advance(14.0)
    assert rig.numbers.idle == 1


def test_what_the_load_may_need_stays_for_cleanup_seconds(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    slots = rig.fill(10)
    rig.advance(60.0)
    rig.release(*slots[:6])
    rig.advance(19.9)
    assert rig.numbers.idle == 6  # load 4: 4 + 4 * 2 + 1 = 13 may be needed
    rig.advance(0.2)
    assert rig.numbers.idle == 0
    assert rig.numbers.evictions == {"idle": 6}


def test_a_peaks_surplus_goes_although_traffic_goes_on(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(*rig.fill(10))
    for _ in range(25):
        rig.release(rig.acquire())
        rig.advance(1.0)
    assert rig.numbers.size == 1


def test_an_expired_one_in_the_middle_goes_and_the_others_stay(rig: Rig) -> None:
    rig.build(cleanup=None, expires=None)
    slots = rig.fill(3)
    slots[1].expires_at = rig.simulation.now + 5.0
    rig.release(*slots)
    rig.advance(10.0)
    assert list(rig.pool._idle) == [slots[0], slots[2]]


def test_a_pool_that_nobody_uses_costs_nothing(rig: Rig) -> None:
    rig.build()
    rig.advance(3600.0)
    assert rig.simulation.spawns == rig.simulation.switches == 0


def test_an_empty_pool_keeps_no_greenlet_and_costs_no_wake_ups(rig: Rig) -> None:
    rig.build()
    rig.release(*rig.fill(5))
    rig.advance(60.0)
    assert rig.numbers.size == 0
    assert not rig.simulation.alive()
    switches = rig.simulation.switches
    rig.advance(1e6)
    assert rig.simulation.switches == switches


def test_the_reaper_sleeps_until_something_is_due(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(rig.acquire())
    switches = rig.simulation.switches
    rig.advance(19.9)
    assert rig.simulation.switches == switches
    rig.advance(0.2)
    assert rig.numbers.size == 0


def test_a_tiny_cleanup_is_no_reason_to_spin(rig: Rig) -> None:
    rig.build(cleanup=1e-6)
    held, other = rig.fill(2)
    rig.release(other)
    switches = rig.simulation.switches
    rig.advance(1.0)
    assert rig.simulation.switches < switches + 50
    rig.release(held)


def test_a_quiet_pool_that_keeps_its_minsize_is_left_alone(rig: Rig) -> None:
    rig.build(minsize=2, expires=3600.0, cleanup=20.0)
    rig.release(*rig.fill(2))
    rig.advance(30.0)
    switches = rig.simulation.switches
    rig.advance(2000.0)
    assert rig.simulation.switches == switches


@pytest.mark.parametrize("options", [{}, {"minsize": 1}, {"minsize": 1, "expires": None}])
def test_traffic_neither_starts_nor_wakes_the_reaper_all_the_time(
    rig: Rig, options: dict[str, float | None]
) -> None:
    rig.build(cleanup=20.0, **options)
    reaped = 0
    step = rig.pool._reaper._step

    def counting(late: float) -> None:
        nonlocal reaped
        reaped += 1
        step(late)

    rig.pool._reaper._step = counting
    for pause in (0.0, 0.001):
        for _ in range(1000):
            slot = rig.acquire()
            rig.advance(0.001)
            rig.release(slot)
            rig.advance(pause)
    assert rig.simulation.spawns <= 5  # an opening and a reaper or two
    assert reaped <= 5
    if not rig.pool.minsize:
        rig.advance(60.0)
        assert reaped > 0


# ---- what the reaper survives


def test_a_killed_reaper_is_replaced(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(*rig.fill(2))
    for _ in range(5):
        (reaper,) = rig.simulation.alive()
        rig.kill(reaper)
        rig.settle()
        assert reaper.done
    rig.advance(21.0)
    assert rig.numbers.size == 0
    assert not rig.simulation.alive()


def test_a_reaper_killed_before_it_begins_is_replaced(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    rig.go(rig.pool.release, slot, slot.lease)
    rig.simulation.step()
    (reaper,) = rig.simulation.alive()
    assert not reaper.started
    rig.simulation.switch_into(reaper, gevent.GreenletExit())
    rig.advance(21.0)
    assert rig.numbers.size == 0


def test_a_reaper_killed_while_it_closes_goes_on_with_the_rest(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(*rig.fill(4))
    (reaper,) = rig.simulation.alive()
    rig.driver.script("close", HELD)
    rig.advance(20.0)
    assert rig.numbers.closing == 1
    rig.kill(reaper)
    rig.advance(1.0)
    assert rig.numbers.size == 0
    assert not rig.driver.server


def test_a_close_that_fails_does_not_stop_the_reaper(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.driver.always("close", FAILS)
    rig.release(*rig.fill(4))
    rig.advance(21.0)
    assert rig.numbers.size == 0
    assert rig.driver.calls["close"] == 4


def test_kills_of_the_reaper_do_not_make_it_spin(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(rig.acquire())
    spawns = rig.simulation.spawns
    for _ in range(100):
        for task in rig.simulation.alive():
            rig.kill(task)
        rig.advance(0.01)
    assert rig.simulation.spawns - spawns <= 101
    rig.advance(30.0)
    assert rig.numbers.size == 0


def test_a_reaper_that_dies_of_its_work_does_not_spin(rig: Rig) -> None:
    reaper, step = rig.build(cleanup=20.0)._reaper, rig.pool._reaper._step

    def die(late: float) -> None:
        raise gevent.GreenletExit

    reaper._step = die
    rig.release(rig.acquire())
    spawns = rig.simulation.spawns
    rig.advance(30.0)
    assert 10 < rig.simulation.spawns - spawns < 110
    reaper._step = step
    rig.advance(1.0)
    assert rig.numbers.size == 0


@pytest.mark.parametrize("minsize", [0, 1])
def test_a_retry_is_not_missed_while_there_is_no_reaper(rig: Rig, minsize: int) -> None:
    rig.build(minsize=minsize)
    rig.driver.script("open", slow(25.0), FULL)  # the pool learns that openings are slow
    (waiter,) = rig.waiters(1, 60.0)
    rig.advance(30.0)
    slot = waiter.get()
    waiters = [] if minsize else rig.waiters(1, 60.0)
    rig.run(rig.pool.evict, slot, slot.lease)
    assert rig.numbers.open_failures == 1
    (reaper,) = rig.simulation.alive()
    rig.kill(reaper)  # its successor starts after the retry was due
    rig.advance(1.0)
    assert all(waiter.done for waiter in waiters)
    assert rig.numbers.size == 1


def test_the_reaper_works_again_after_a_server_restart(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    slots = rig.fill(3)
    rig.release(*slots)
    for slot in slots:
        slot.connection.readable = True
    rig.driver.script("open", FAILS)
    (waiter,) = rig.waiters(1)
    assert waiter.error
    rig.advance(1.0)
    rig.release(*rig.fill(3))
    rig.advance(21.0)
    assert rig.numbers.size == 0


def test_others_take_connections_while_the_reaper_closes_some(rig: Rig) -> None:
    rig.build(cleanup=20.0, maxsize=3)
    slots = rig.fill(3)
    rig.release(slots[0], slots[1])
    rig.advance(10.0)
    rig.release(slots[2])
    rig.driver.always("close", HELD)
    rig.advance(10.0)
    assert rig.numbers.closing == 1
    assert rig.acquire() is slots[2]
    rig.driver.finish("close")
    rig.settle()
    assert rig.numbers.closing == 1  # the next one


def test_a_session_that_lingers_at_the_server_counts_until_it_has_ended(rig: Rig) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    rig.driver.always("farewell", HELD)
    (waiter,) = rig.waiters(1)
    rig.evict(slot)  # does not wait for the server
    assert rig.numbers.closing == 1
    assert not waiter.done
    rig.driver.finish("farewell")
    rig.settle()
    assert waiter.done
    assert rig.driver.most == 1


@pytest.mark.parametrize("ends", ["fails", "is killed", "is killed before it begins"])
def test_a_farewell_that_does_not_go_well_frees_its_slot_all_the_same(rig: Rig, ends: str) -> None:
    rig.build(maxsize=1)
    slot = rig.acquire()
    rig.driver.always("farewell", HELD)
    rig.driver.let_go(slot.connection)
    rig.go(rig.pool.evict, slot, slot.lease)
    rig.simulation.step()
    farewell = rig.simulation.alive()[-1]
    if ends == "is killed before it begins":
        rig.simulation.switch_into(farewell, gevent.GreenletExit())
    else:
        rig.settle()
        if ends == "fails":
            rig.driver.finish("farewell", FAILS)
        else:
            rig.kill(farewell)
    rig.settle()
    assert rig.numbers.size == 0
    rig.is_whole()


# ---- in the real world


def test_a_sleeping_reaper_does_not_keep_the_loop_alive() -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(cleanup=3600.0)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    gevent.sleep(0)
    assert pool._reaper._parker is not None
    assert isinstance(pool._reaper._parker, DaemonParker)
    pool.close()


def test_the_reaper_of_a_closed_pool_ends_at_once(world: World) -> None:
    pool = world.build(cleanup=3600.0)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    world.eventually(lambda: pool._reaper._parker is not None)
    pool.close()
    world.eventually(lambda: pool._reaper._current is None)


def test_a_pool_that_is_dropped_after_close_is_collected() -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(cleanup=3600.0)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    gevent.sleep(0)
    pool.close()
    gone = weakref.ref(pool)
    world.pools.clear()
    del pool, slot

    def collected() -> bool:
        gc.collect()
        return gone() is None

    world.eventually(collected)


def test_the_reaper_started_by_another_thread_works_and_does_not_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(cleanup=0.3)
    started = 0
    start = runtime._start_new_thread

    def counting(*args: object) -> int:
        nonlocal started
        started += 1
        return start(*args)

    monkeypatch.setattr(runtime, "_start_new_thread", counting)
    foreign = ThreadPool(1)

    def work() -> None:
        slot = pool.acquire()
        pool.release(slot, slot.lease)

    foreign.apply(work)
    assert pool.snapshot().openings == 1
    world.eventually(lambda: pool.snapshot().size == 0)
    assert started == 2  # an opener and a reaper
    foreign.kill()
    pool.close()


def test_a_reaper_that_was_late_because_the_hub_was_blocked_spares_the_idle(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(rig.acquire())
    rig.advance(10.0)
    rig.run(rig.pool._step, 5.0)
    rig.advance(11.0)
    assert rig.numbers.idle == 1
    rig.advance(5.0)
    assert rig.numbers.size == 0


def test_a_slow_close_is_not_mistaken_for_a_blocked_hub(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.driver.always("close", slow(5.0))
    told, step = [], rig.pool._reaper._step

    def noting(late: float) -> None:
        told.append(late)
        step(late)

    rig.pool._reaper._step = noting
    slots = rig.fill(3)
    for slot in slots:
        slot.expires_at = rig.simulation.now + 10.0
    rig.release(*slots)
    rig.advance(60.0)
    assert rig.numbers.size == 0
    assert max(told) < BLOCKED


def test_slow_closes_delay_nobody_but_the_reaper(rig: Rig) -> None:
    rig.build(cleanup=None, expires=None, maxsize=4)
    rig.driver.always("close", slow(1.0))
    slots = rig.fill(4)
    for slot in slots[:3]:
        slot.expires_at = rig.simulation.now + 20.0
    rig.release(*slots)
    rig.advance(21.5)
    assert rig.numbers.closing == 1
    assert rig.acquire()
    rig.driver.always("close", Outcome())
