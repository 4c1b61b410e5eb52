"""Meters: what they are told, and that a pool at work can begin with one."""

from __future__ import annotations

import pytest
from fakes import FAILS, DriverError, slow
from gevent import GreenletExit

from django_pgpool.exceptions import PoolExhausted
from django_pgpool.pool import Pool
from django_pgpool.pool.buckets import BOUNDS, Buckets
from django_pgpool.pool.measured import MeasuredPool
from django_pgpool.pool.timed import Meter, TimedPool, meter
from pool.conftest import Rig


class Told:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.gave_up: list[float] = []
        self.used: list[float] = []
        self.opened: list[float] = []
        self.meter = Meter(
            self.waited.append, self.gave_up.append, self.used.append, self.opened.append
        )


@pytest.fixture
def told(rig: Rig) -> Told:
    told = Told()
    meter(rig.build(maxsize=1, maxwait=2.0), told.meter)
    return told


def test_waits_uses_and_openings_in_seconds(rig: Rig, told: Told) -> None:
    rig.driver.always("open", slow(0.5))
    (slot,) = rig.fill(1)  # takes a second
    rig.advance(3.0)
    (waiter,) = rig.waiters(1)
    rig.advance(1.0)
    rig.release(slot)
    slot = waiter.get()
    rig.advance(0.25)
    rig.evict(slot)
    assert told.waited == pytest.approx([0.5, 1.0])
    assert told.used == pytest.approx([4.5, 0.25])
    assert told.opened == pytest.approx([0.5])
    assert told.gave_up == []


def test_who_gets_none_has_waited_too(rig: Rig, told: Told) -> None:
    slot = rig.acquire()
    late, killed = rig.waiters(2)
    rig.advance(1.5)
    rig.kill(killed)
    rig.advance(1.0)
    with pytest.raises(PoolExhausted):
        late.get()
    assert told.gave_up == pytest.approx([1.5, 2.0])
    assert told.waited == [0.0]
    rig.release(slot)
    rig.advance(60.0)  # until it is closed
    rig.driver.script("open", FAILS)
    (failed,) = rig.waiters(1)
    rig.advance(1.0)
    with pytest.raises(DriverError):
        failed.get()
    assert len(told.gave_up) == 3
    assert len(told.opened) == 1, "a failed opening is none"


def test_a_second_release_is_not_counted(rig: Rig, told: Told) -> None:
    slot = rig.acquire()
    lease = slot.lease
    rig.release(slot)
    for again in (rig.pool.release, rig.pool.evict):
        with pytest.raises(RuntimeError):
            again(slot, lease)
    assert len(told.used) == 1


def test_a_pool_at_work_begins_to_be_timed(rig: Rig) -> None:
    pool, told = rig.build(maxsize=1), Told()
    slot = rig.acquire()
    (waiter,) = rig.waiters(1)
    assert type(pool) is Pool
    meter(pool, told.meter)
    assert type(pool) is TimedPool
    rig.advance(3.0)
    rig.release(slot)
    rig.release(waiter.get())
    assert told.used == pytest.approx([3.0, 0.0])
    assert told.waited == [], "this one has begun to wait in the other"
    rig.release(rig.acquire())
    assert told.waited == [0.0]


@pytest.mark.parametrize("where", Meter._fields)
def test_who_is_killed_while_a_meter_is_told_loses_no_slot(rig: Rig, where: str) -> None:
    told: list[float] = []

    def dies(seconds: float) -> None:
        told.append(seconds)
        raise GreenletExit

    pool = rig.build(maxsize=1, maxwait=1.0)
    meter(pool, Told().meter._replace(**{where: dies}))
    task = rig.go(lambda: pool.release(slot := pool.acquire(), slot.lease))
    rig.advance(1.0)
    if where == "gave_up":
        task.get()
        slot = rig.acquire()
        rig.waiters(1)
        rig.advance(2.0)
        assert rig.numbers.exhausted == 1
        rig.release(slot)
    assert told
    pool._meter = Told().meter  # type: ignore[attr-defined]
    rig.is_whole()


def test_several_meters_and_the_line_of_statistics(rig: Rig) -> None:
    first, second = Told(), Told()
    pool = rig.build(stats_interval=60.0)
    for told in (first, second):
        meter(pool, told.meter)
    assert type(pool) is MeasuredPool
    slot = rig.acquire()
    rig.advance(2.0)
    rig.release(slot)
    assert first.used == second.used == [2.0]
    rig.advance(60.0)
    (line, *_) = rig.recorder.of("pool_stats")
    assert line.details["use_max"] == 2.0


def test_a_bucket_ends_with_its_bound() -> None:
    buckets = Buckets()
    durations = [0.0, BOUNDS[0], BOUNDS[0] + 1e-9, BOUNDS[-1], BOUNDS[-1] + 1, 1e9]
    for seconds in durations:
        buckets.record(seconds)
    assert buckets.counts == [2, 1, *[0] * (len(BOUNDS) - 3), 1, 2]
    assert buckets.seconds == pytest.approx(sum(durations))
