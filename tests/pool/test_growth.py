"""When connections are opened, and how many at once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from fakes import FAILS, HELD, DriverError, slow
from greenlet import GreenletExit

from django_pgpool.pool.growth import FIRST, Growth
from pool.conftest import Rig


def in_flight(rig: Rig, *rounds: float) -> list[int]:
    """How many openings are in flight in each round, of which all take so many seconds."""
    rig.driver.always("open", HELD)
    rig.waiters(200)
    found = []
    for seconds in rounds:
        found.append(rig.numbers.opening)
        steps = rig.driver.held("open")
        rig.advance(seconds)
        for step in steps:
            rig.driver.finish(step)
        rig.settle()
    return found


def test_slow_openings_in_flight_double_while_finished_ones_find_waiters(rig: Rig) -> None:
    rig.build(maxsize=200, maxwait=60.0)
    assert in_flight(rig, 0.1, 0.1, 0.1, 0.1, 0.1) == [4, 8, 16, 32, 64]


def test_no_more_are_in_flight_where_few_make_the_pool_full_soon(rig: Rig) -> None:
    rig.build(maxsize=12, maxwait=60.0)
    # 12 of 30 ms, four at a time: 90 ms
    assert in_flight(rig, 0.03, 0.03, 0.03) == [4, 4, 4]


def test_no_more_are_in_flight_where_they_delay_each_other(rig: Rig) -> None:
    rig.build(maxsize=200, maxwait=60.0)
    assert in_flight(rig, 0.1, 0.2, 0.2, 0.1) == [4, 8, 8, 8]


def test_openings_in_flight_are_among_those_that_are_wanted(rig: Rig) -> None:
    """One of four has taken 0.1 s, so the six for which there is room will have taken longer."""
    rig.build(maxsize=6, maxwait=60.0)
    rig.driver.always("open", HELD)
    rig.waiters(200)
    first, *_ = rig.driver.held("open")
    rig.advance(0.1)
    rig.driver.finish(first)
    rig.settle()
    assert rig.numbers.opening == 5


def test_who_is_alone_begins_anew_behind_openings_of_those_who_have_left(rig: Rig) -> None:
    rig.build(maxsize=200, maxwait=60.0)
    rig.driver.always("open", HELD)
    crowd = rig.waiters(200)
    first = rig.driver.held("open")
    rig.advance(0.1)
    for step in first:
        rig.driver.finish(step)
    rig.settle()
    for waiter in crowd:
        rig.kill(waiter)
    rig.settle()
    assert rig.numbers.opening == 8
    rig.fill(rig.numbers.idle)
    rig.waiters(50)
    rig.driver.finish(rig.driver.held("open")[0])
    rig.settle()
    assert rig.numbers.opening == 7  # more than FIRST: none in its place


@pytest.mark.parametrize(
    ("openings", "wanted", "more"),
    [
        pytest.param([0.1] * 8, 100, 8, id="slow"),
        pytest.param([0.1] * 4 + [0.19], 100, 5, id="not much slower than the first"),
        pytest.param([0.1] * 4 + [0.2], 100, 4, id="delayed"),
        pytest.param([0.01] + [0.1] * 7, 100, 8, id="one of them was quick"),
        pytest.param([0.019] * 4, 20, 0, id="soon done"),
        pytest.param([0.021] * 4, 20, 1, id="soon done with one more"),
        pytest.param([0.1] * 4, 3, 0, id="few are wanted"),
    ],
)
def test_how_many_more_openings_may_be_in_flight(
    openings: list[float], wanted: int, more: int
) -> None:
    growth = Growth(Random(1))
    for seconds in openings:
        growth.succeeded(seconds, wanted)
    assert growth.ramp == FIRST + more


def _last_of_its_crowd(growth: Growth) -> None:
    growth.succeeded(0.1, wanted=1)


def _failed(growth: Growth) -> None:
    growth.failed(0.0, DriverError(), brief=False)
    for _ in range(FIRST - 1):
        growth.succeeded(0.2, wanted=100)  # by which there are as many again


@pytest.mark.parametrize("end", [Growth.begin_anew, _last_of_its_crowd, _failed])
def test_how_quick_an_earlier_crowd_was_does_not_count(end: Callable[[Growth], None]) -> None:
    growth = Growth(Random(1))
    for _ in range(4):
        growth.succeeded(0.05, wanted=100)
    end(growth)
    for _ in range(4):
        growth.succeeded(0.2, wanted=100)
    assert growth.ramp == FIRST + 4


def test_who_joins_while_enough_openings_are_in_flight_has_no_more_to_do(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.build(maxsize=20)
    rig.driver.always("open", HELD)
    rig.waiters(FIRST)

    def refuse(*arguments: object) -> None:
        raise AssertionError("it takes the lock to see that there is nothing to decide")

    monkeypatch.setattr(type(rig.pool), "_see_to_queue", refuse)
    (waiter,) = rig.waiters(1)
    assert not waiter.done
    assert rig.numbers.waiting == FIRST + 1


def test_after_a_failure_they_become_as_many_again(rig: Rig) -> None:
    rig.build(maxsize=200, maxwait=60.0)
    rig.driver.script("open", *[FAILS] * FIRST)
    assert in_flight(rig, 2.0) == [0]
    assert in_flight(rig, 0.0, 0.0, 0.0, 0.0) == [1, 2, 4, 4]


def test_slow_start_begins_anew_after_a_quiet_time(rig: Rig) -> None:
    rig.build(maxsize=20)
    rig.driver.always("open", slow(0.05))
    waiters = rig.waiters(100)
    while not all(waiter.done for waiter in waiters):
        rig.advance(0.1)
        for waiter in waiters:
            if waiter.done and waiter.result is not None:
                slot, waiter.result = waiter.result, None
                rig.run(rig.pool.release, slot, slot.lease)
    rig.advance(60.0)
    assert rig.numbers.size == 0
    rig.driver.always("open", HELD)
    rig.waiters(20)
    assert rig.numbers.opening == FIRST


def test_an_opening_whose_reason_has_gone_is_not_started(rig: Rig) -> None:
    rig.build()
    slot = rig.acquire()
    rig.driver.let_go(slot.connection)
    waiter = rig.go(rig.pool.acquire)
    rig.simulation.step()
    assert rig.numbers.opening == 1  # decided, not begun
    rig.simulation.ready.insert(0, rig.simulation.ready.pop())
    rig.go(rig.pool.release, slot, slot.lease)
    rig.simulation.step(-1)
    rig.settle()
    assert waiter.get() is slot
    assert rig.driver.calls["open"] == 1
    assert rig.numbers.opening == 0


def test_a_waiters_death_before_the_opening_begins_cancels_it(rig: Rig) -> None:
    rig.build()
    waiter = rig.go(rig.pool.acquire)
    rig.simulation.step()
    rig.simulation.switch_into(waiter, GreenletExit())
    rig.settle()
    assert rig.driver.calls["open"] == 0
    assert rig.numbers.size == 0


def test_a_waiters_death_does_not_cancel_an_opening_that_has_begun(rig: Rig) -> None:
    rig.build()
    rig.driver.script("open", HELD)
    (waiter,) = rig.waiters(1)
    rig.kill(waiter)
    rig.settle()
    assert rig.numbers.opening == 1
    rig.driver.finish("open")
    rig.settle()
    assert rig.numbers.idle == 1


@pytest.mark.parametrize("begun", [False, True])
def test_a_killed_opening_is_replaced_while_somebody_waits(rig: Rig, begun: bool) -> None:
    rig.build()
    rig.driver.script("open", HELD)
    waiter = rig.go(rig.pool.acquire)
    if begun:
        rig.settle()
    else:
        rig.simulation.step()
        rig.driver._scripts.clear()
    (opener,) = rig.simulation.alive()
    rig.kill(opener)
    rig.simulation.ready.reverse()
    rig.settle()
    assert waiter.done
    assert rig.numbers.size == 1
    assert rig.numbers.open_failures == 0


def test_a_queue_that_was_empty_for_a_moment_begins_anew() -> None:
    growth = Growth(Random(1))
    for _ in range(10):
        growth.succeeded(0.1, wanted=100)
    assert growth.allowed(0.0, opening=6) == FIRST + 10 - 6
    growth.begin_anew()
    assert growth.allowed(0.0, opening=1) == FIRST - 1
    assert growth.allowed(0.0, opening=FIRST + 1) == 0


def test_nobody_is_left_behind_a_slow_query(rig: Rig) -> None:
    rig.build(maxsize=5, maxwait=60.0)
    rig.driver.always("open", slow(0.5))
    slots = rig.fill(1)
    for _ in range(50):
        rig.release(*slots)
        slots = [rig.acquire()]
    (waiter,) = rig.waiters(1)  # and now the holder takes its time
    rig.advance(0.6)
    assert waiter.done
    assert rig.numbers.in_use == 2


# ---- minsize


def test_minsize_is_kept_once_the_pool_has_been_used(rig: Rig) -> None:
    rig.build(minsize=3, expires=None)
    assert rig.numbers.size == 0
    rig.release(*rig.fill(6))
    rig.advance(1000.0)
    assert rig.numbers.idle == 3


def test_minsize_is_filled_and_refilled(rig: Rig) -> None:
    rig.build(minsize=3)
    rig.driver.always("open", slow(0.01))
    slot = rig.fill(1)[0]
    rig.advance(1.0)
    assert rig.numbers.size == 3
    rig.evict(slot)
    rig.advance(1.0)
    assert rig.numbers.idle == 3
    rig.run(rig.pool.drain)
    rig.advance(1.0)
    assert rig.numbers.idle == 3
    assert rig.numbers.evictions == {"broken": 1, "drained": 3}
