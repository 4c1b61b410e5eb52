"""The line ``pool_stats``: what it says, when it comes, and that its timer disturbs nobody."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import gevent
import pytest
from fakes import FAILS, slow

from django_pgpool.pool import Event, Level, Reason
from django_pgpool.pool.histogram import AT_ONCE, Histogram
from django_pgpool.pool.measured import STATES
from django_pgpool.pool.runtime import DaemonParker, GeventRuntime
from pool.conftest import Rig, World

EXACT = 0.011
"""HdrHistogram's quantiles are right to 1 %, and to a microsecond."""


def lines(where: Rig | World) -> list[Event]:
    return where.recorder.of("pool_stats")


def last(rig: Rig) -> dict[str, Any]:
    return dict(lines(rig)[-1].details)


def use(rig: Rig, seconds: float, times: int = 1) -> None:
    for _ in range(times):
        slot = rig.acquire()
        rig.advance(seconds)
        rig.release(slot)


# ---- what it says


def test_a_line_per_interval_with_the_settings(rig: Rig) -> None:
    rig.build(stats_interval=60.0, name="shop", maxsize=7, maxwait=3.0, cleanup=None, minsize=1)
    use(rig, 1.0)
    rig.advance(125.0)
    first, second = lines(rig)
    assert (first.pool, first.level, first.seconds) == ("shop", Level.INFO, None)
    assert (first.size, first.in_use, first.idle, first.waiting) == (1, 0, 1, 0)
    for line in (first, second):
        assert line.details["interval"] == 60.0
        assert line.details | {
            "maxsize": 7,
            "maxwait": 3.0,
            "minsize": 1,
            "expires": 300.0,
            "cleanup": None,
        } == (line.details)
    assert first.details["acquires"] == first.details["openings"] == 1
    assert second.details["acquires"] == second.details["openings"] == 0


def test_the_most_of_each_state_belongs_to_its_interval(rig: Rig) -> None:
    rig.build(stats_interval=60.0, maxsize=4)
    rig.driver.always("open", slow(0.5))
    slots = rig.fill(4)
    waiters = rig.waiters(3)
    rig.release(*slots)
    rig.settle()
    rig.release(*[waiter.get() for waiter in waiters])
    rig.advance(60.0)
    found = last(rig)
    assert {state: found[f"{state}_max"] for state in STATES} == {
        "size": 4,
        "in_use": 4,
        "idle": 4,
        "opening": 4,
        "closing": 1,
        "waiting": 4,  # while the first four were opened
    }
    rig.advance(60.0)
    assert all(last(rig)[f"{state}_max"] == 0 for state in ("in_use", "opening", "waiting"))


def test_connection_seconds_are_those_of_the_interval_whether_closed_or_not(rig: Rig) -> None:
    rig.build(stats_interval=60.0, cleanup=None, expires=None)
    kept, closed = rig.fill(2)  # takes a second, beginning with the interval
    rig.advance(9.0)
    rig.release(kept)
    rig.evict(closed)
    rig.advance(50.0)
    assert last(rig)["connection_seconds"] == pytest.approx(70.0)
    assert last(rig)["use_seconds"] == pytest.approx(20.0)
    rig.advance(60.0)
    assert last(rig)["connection_seconds"] == pytest.approx(60.0)
    assert last(rig)["use_seconds"] == 0
    slot = rig.acquire()
    rig.advance(60.0)
    assert last(rig)["use_seconds"] == pytest.approx(60.0)  # though it is held still
    rig.release(slot)


def test_quantiles_of_the_waits_count_everybody_and_those_who_failed(rig: Rig) -> None:
    rig.build(stats_interval=60.0, maxsize=1, maxwait=2.0)
    slot = rig.acquire()
    for _ in range(97):
        rig.release(slot)
        slot = rig.acquire()
    waiters = rig.waiters(2)
    rig.advance(1.0)
    rig.release(slot)
    rig.advance(5.0)
    rig.release(waiters[0].get())
    rig.advance(60.0)
    found = last(rig)
    assert (found["acquires"], found["waits"], found["exhausted"]) == (99, 3, 1)
    assert found["wait_p50"] == found["wait_p90"] == 0.0
    assert found["wait_p99"] == pytest.approx(1.0, rel=EXACT)
    assert found["wait_max"] == pytest.approx(2.0, rel=EXACT)


def test_quantiles_of_the_use_and_of_the_openings(rig: Rig) -> None:
    rig.build(stats_interval=3600.0, maxsize=1)
    rig.driver.always("open", slow(0.25))
    rig.release(*rig.fill(1))
    use(rig, 0.02, 89)
    use(rig, 0.2, 10)
    slot = rig.acquire()
    rig.advance(9.0)
    rig.evict(slot)
    rig.advance(3600.0)
    found = last(rig)
    assert found["use_p50"] == pytest.approx(0.02, rel=EXACT)
    assert found["use_p99"] == pytest.approx(0.75, rel=EXACT)  # fill() holds the first for so long
    assert found["use_max"] == pytest.approx(9.0)
    assert found["open_p50"] == found["open_max"] == pytest.approx(0.25, rel=EXACT)


def test_as_many_were_needed_as_in_use_and_waiting(rig: Rig) -> None:
    rig.build(stats_interval=60.0, maxsize=2)
    slots = rig.fill(2)
    rig.waiters(8)
    rig.release(*slots)
    rig.advance(60.0)
    assert last(rig)["needed_max"] == 10
    assert last(rig)["needed_p50"] == 5


def test_what_was_told_once_is_not_told_again(rig: Rig) -> None:
    rig.build(stats_interval=60.0)
    rig.driver.script("open", FAILS)
    rig.waiters(1)
    rig.advance(10.0)  # until it may be tried again
    use(rig, 0.1)
    rig.advance(50.0)
    assert (last(rig)["open_failures"], last(rig)["openings"]) == (1, 1)
    assert last(rig)["evicted_idle"] == 1
    assert {name for name in last(rig) if name.startswith("evicted_")} == {
        f"evicted_{reason}" for reason in Reason
    }
    use(rig, 0.1)
    rig.advance(60.0)
    assert (last(rig)["open_failures"], last(rig)["openings"]) == (0, 1)
    assert last(rig)["open_max"] == 0.0
    rig.advance(60.0)
    assert last(rig)["openings"] == 0
    assert last(rig)["open_max"] is last(rig)["wait_p50"] is None


def test_reuses_that_half_of_cleanup_would_have_missed(rig: Rig) -> None:
    rig.build(stats_interval=100.0, cleanup=20.0, expires=None)
    for pause in (1.0, 9.0, 12.0, 15.0):
        use(rig, 0.0)
        rig.advance(pause)
    use(rig, 0.0)
    rig.advance(100.0)
    assert last(rig)["late_reuses"] == 2
    assert last(rig)["late_reuse_seconds"] == pytest.approx(2.0 + 5.0)


def test_a_histogram_forgets_nothing_however_much_there_is() -> None:
    histogram = Histogram(1e-6)
    for number in range(10 * AT_ONCE + 5):
        histogram.record(number * 1e-3)
    found = histogram.take()
    assert found["max"] == (10 * AT_ONCE + 4) * 1e-3
    assert found["p50"] == pytest.approx(5 * AT_ONCE * 1e-3, rel=EXACT)
    assert histogram.take() == {"p50": None, "p90": None, "p99": None, "max": None}


# ---- when it comes


def test_an_unused_pool_has_no_timer(rig: Rig) -> None:
    rig.build(stats_interval=1.0)
    rig.advance(3600.0)
    assert rig.simulation.spawns == rig.simulation.switches == 0


def test_after_one_line_with_nothing_to_say_there_is_silence_until_it_is_used(rig: Rig) -> None:
    rig.build(stats_interval=60.0)
    use(rig, 1.0)
    rig.advance(1000.0)
    assert [line.details["acquires"] for line in lines(rig)] == [1, 0]
    assert not rig.simulation.alive()
    switches = rig.simulation.switches
    rig.advance(1e6)
    assert rig.simulation.switches == switches
    use(rig, 1.0)
    rig.advance(59.0)
    assert last(rig)["interval"] == 60.0  # begins with the use, not with the silence
    assert last(rig)["acquires"] == 1


def test_a_pool_that_keeps_connections_has_something_to_say(rig: Rig) -> None:
    rig.build(stats_interval=60.0, minsize=1, expires=None)
    use(rig, 1.0)
    rig.advance(601.0)
    assert len(lines(rig)) == 10
    assert last(rig)["connection_seconds"] == pytest.approx(60.0)


def test_close_tells_the_rest(rig: Rig) -> None:
    pool = rig.build(stats_interval=60.0)
    use(rig, 6.0)
    rig.run(pool.close)
    rig.settle()
    (line,) = lines(rig)
    assert (line.details["interval"], line.details["acquires"], line.size) == (6.0, 1, 0)
    assert not rig.simulation.alive()
    rig.go(pool.acquire)
    rig.advance(1000.0)
    assert len(lines(rig)) == 1


def test_a_retired_pool_tells_the_rest_when_its_last_connection_is_gone(rig: Rig) -> None:
    pool = rig.build(stats_interval=60.0)
    slot = rig.acquire()
    rig.run(pool.retire)
    rig.advance(5.0)
    assert lines(rig) == []
    rig.release(slot)
    rig.advance(0.1)
    (line,) = lines(rig)
    assert (line.details["interval"], line.size) == (5.0, 0)
    assert not rig.simulation.alive()


def test_a_killed_reporter_is_replaced(rig: Rig) -> None:
    rig.build(stats_interval=60.0, minsize=1, cleanup=None, expires=None)
    use(rig, 1.0)
    for task in rig.simulation.alive():
        rig.kill(task)
    rig.advance(130.0)
    assert len(lines(rig)) == 2


def test_an_observer_that_uses_the_pool_is_counted(rig: Rig) -> None:
    def curious(event: Event) -> None:
        rig.recorder(event)
        if event.event == "pool_stats" and len(lines(rig)) < 4:
            rig.simulation.sleep(1.0)
            slot = rig.pool.acquire()
            rig.pool.release(slot, slot.lease)

    rig.build(stats_interval=60.0, observers=[curious])
    use(rig, 1.0)
    rig.advance(1000.0)
    assert [line.details["acquires"] for line in lines(rig)] == [1, 1, 1, 1, 0]


# ---- in the real world


def test_lines_come_in_greenlets_and_in_threads(world: World) -> None:
    pool = world.build(stats_interval=0.05, cleanup=0.02)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    world.eventually(lambda: lines(world))
    world.eventually(lambda: pool._reporter._current is None)  # type: ignore[attr-defined]
    assert sum(int(line.details["acquires"] or 0) for line in lines(world)) == 1


def test_a_sleeping_reporter_neither_keeps_the_loop_alive_nor_the_pool() -> None:
    world = World(GeventRuntime(), gevent.sleep)
    pool = world.build(stats_interval=3600.0)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    gevent.sleep(0)
    assert isinstance(pool._reporter._parker, DaemonParker)  # type: ignore[attr-defined]
    pool.close()
    gone = weakref.ref(pool)
    world.pools.clear()
    del pool, slot

    def collected() -> bool:
        gc.collect()
        return gone() is None

    world.eventually(collected)
    assert len(lines(world)) == 1


def test_the_child_of_a_fork_tells_nothing_of_the_parents_pool(world: World) -> None:
    pool = world.build(stats_interval=0.05)
    pool.acquire()
    reporter = pool._reporter  # type: ignore[attr-defined]
    world.eventually(lambda: lines(world))
    pool.forget()
    told = len(lines(world))
    world.eventually(lambda: reporter._current is None)
    about_to_tell = not isinstance(world.runtime, GeventRuntime)  # a thread may be
    assert len(lines(world)) - told <= about_to_tell
