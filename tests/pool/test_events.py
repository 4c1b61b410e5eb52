"""What observers are told, and what they may do to the pool: nothing."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
from fakes import FAILS, FULL, Recorder, slow
from greenlet import GreenletExit
from virtual_time import Task

from django_pgpool.pool import Event, Level, ledger
from pool.conftest import Rig


def brief(recorder: Recorder) -> list[tuple[str, dict[str, Any]]]:
    return [(event.event, event.details) for event in recorder.events]


def test_the_life_of_a_connection(rig: Rig) -> None:
    rig.build(name="shop", cleanup=20.0)
    rig.driver.always("open", slow(0.5))
    (slot,) = rig.fill(1)
    rig.release(slot)
    rig.advance(30.0)
    opened, grew, closed, shrank = rig.recorder.events
    assert opened == Event("connection_opened", Level.DEBUG, "shop", 1, 1, 0, 0, 0.5, {})
    assert grew == Event(
        "pool_grew", Level.INFO, "shop", 1, 1, 0, 0, None, {"grew_from": 0, "grew_to": 1}
    )
    assert closed.event == "connection_closed"
    assert closed.seconds == pytest.approx(20.5)
    assert closed.details == {"reason": "idle"}
    assert shrank == Event(
        "pool_shrank", Level.INFO, "shop", 0, 0, 0, 0, None, {"shrank_from": 1, "shrank_to": 0}
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        opened.size = 2  # type: ignore[misc]


def test_a_routine_acquire_and_release_tell_nothing(rig: Rig) -> None:
    rig.build()
    rig.release(rig.acquire())
    rig.recorder.events.clear()
    for _ in range(10):
        rig.release(rig.acquire())
    assert rig.recorder.events == []


def test_growth_is_told_once_per_burst(rig: Rig) -> None:
    rig.build(maxsize=20)
    rig.driver.always("open", slow(0.01))
    rig.fill(20)
    grown = rig.recorder.of("pool_grew")
    assert len(grown) < 6
    assert grown[0].details["grew_from"] == 0
    assert grown[-1].details["grew_to"] == 20
    for earlier, later in pairwise(grown):
        assert later.details["grew_from"] == earlier.details["grew_to"]


def test_shrinking_is_told_once_per_pass_of_the_reaper(rig: Rig) -> None:
    rig.build(cleanup=20.0)
    rig.release(*rig.fill(10))
    rig.advance(30.0)
    assert rig.recorder.names.count("connection_closed") == 10
    shrank = [event.details for event in rig.recorder.of("pool_shrank")]
    sizes = [10, *(details["shrank_to"] for details in shrank)]
    assert [details["shrank_from"] for details in shrank] == sizes[:-1]
    assert sizes[-1] == 0
    assert len(shrank) < 10


def test_a_failed_opening_is_told_in_one_line_without_a_traceback(rig: Rig) -> None:
    rig.build()
    rig.driver.script("open", FAILS)
    rig.waiters(1)
    assert brief(rig.recorder) == [("connection_open_failed", {"error": "connection refused"})]
    assert rig.recorder.events[0].level is Level.WARNING


@pytest.mark.parametrize("options", [{"maxwait": 1.0}, {"maxwaiting": 0}])
def test_exhaustion_is_told(rig: Rig, options: dict[str, Any]) -> None:
    rig.build(maxsize=1)
    rig.acquire()
    for name, value in options.items():
        setattr(rig.pool, name, value)
    rig.waiters(1)
    rig.advance(2.0)
    (event,) = rig.recorder.of("pool_exhausted")
    assert event.level is Level.WARNING
    assert event.seconds == options.get("maxwait", 0.0)
    assert event.in_use == 1


def test_drain_and_close_are_told(rig: Rig) -> None:
    rig.build()
    rig.run(rig.pool.drain)
    rig.run(rig.pool.close)
    rig.run(rig.pool.close)
    assert rig.recorder.names == ["pool_drained", "pool_closed"]


def test_a_connection_that_is_held_too_long_is_told_once_and_not_taken_away(rig: Rig) -> None:
    rig.build(held_warning=5.0)
    slot = rig.acquire()
    rig.pool.note_holder(slot)
    rig.advance(4.9)
    assert rig.recorder.of("connection_held_too_long") == []
    rig.advance(100.0)
    (event,) = rig.recorder.of("connection_held_too_long")
    assert event.seconds == pytest.approx(5.0)
    assert "test_a_connection_that_is_held_too_long" in str(event.details["stack"])
    assert rig.numbers.in_use == 1


def test_the_next_holder_is_not_blamed_for_the_last_one(rig: Rig) -> None:
    rig.build(held_warning=5.0, maxsize=1)
    slot = rig.acquire()
    rig.pool.note_holder(slot)
    rig.advance(4.0)
    rig.release(slot)
    rig.acquire()
    rig.advance(4.0)
    assert rig.recorder.of("connection_held_too_long") == []


# ---- observers that misbehave


def busy_day(rig: Rig) -> None:
    """Something of everything that is told, with whoever is killed on the way."""
    pool = rig.pool
    rig.driver.script("open", slow(0.0), FAILS, FULL)
    tasks = [rig.go(pool.acquire, 0.5) for _ in range(6)]
    rig.advance(5.0)
    for slot in [task.result for task in tasks if task.result is not None]:
        rig.go(pool.release, slot, slot.lease)
    rig.advance(1.0)
    rig.go(pool.drain)
    rig.advance(1.0)
    assert rig.numbers.in_use == rig.numbers.waiting == rig.numbers.size == 0
    tasks = [rig.go(pool.acquire) for _ in range(3)]
    rig.advance(5.0)
    slots = [task.get() for task in tasks]
    for slot in slots:
        rig.go(pool.release, slot, slot.lease)
    rig.advance(60.0)
    assert rig.numbers.size == 0
    assert not rig.simulation.alive()


def test_observers_that_raise_do_no_harm_to_the_pool_or_to_each_other(rig: Rig) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError(event.event)

    rig.build(maxsize=3, observers=[broken, rig.recorder])
    busy_day(rig)
    assert {"connection_opened", "connection_closed", "pool_grew"} <= set(rig.recorder.names)


def test_where_nobody_listens_no_event_is_made(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Choosy:
        def __init__(self, *levels: Level) -> None:
            self.levels = levels
            self.heard: list[Event] = []

        def listens(self, level: Level) -> bool:
            return level in self.levels

        def __call__(self, event: Event) -> None:
            self.heard.append(event)

    made: list[str] = []

    def event(event: str, level: Level, **numbers: object) -> Event:
        made.append(event)
        return Event(event, level, **numbers)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "Event", event)
    deaf, choosy = Choosy(), Choosy(Level.INFO)
    rig.build(maxsize=3, observers=[deaf, choosy])
    busy_day(rig)
    assert made == [event.event for event in choosy.heard]
    assert {event.level for event in choosy.heard} == {Level.INFO}
    assert deaf.heard == choosy.heard, "it is for them to leave out what they do not want"


def test_one_that_cannot_say_whether_it_listens_is_told(rig: Rig) -> None:
    class Broken:
        def listens(self, level: Level) -> bool:
            raise RuntimeError(level)

        def __call__(self, event: Event) -> None:
            rig.recorder(event)

    rig.build(maxsize=3, observers=[Broken()])
    busy_day(rig)
    assert {"connection_opened", "connection_closed", "pool_grew"} <= set(rig.recorder.names)


def test_observers_that_switch_do_no_harm(rig: Rig) -> None:
    def sleepy(event: Event) -> None:
        rig.simulation.sleep(0.01)
        rig.recorder(event)

    rig.build(maxsize=3, observers=[sleepy])
    busy_day(rig)
    assert {"connection_opened", "connection_closed", "pool_grew"} <= set(rig.recorder.names)


def test_observers_that_are_killed_do_no_harm(rig: Rig) -> None:
    killed: list[Task] = []

    def dies(event: Event) -> None:
        task = rig.simulation.current
        assert task is not None
        rig.kill(task)
        killed.append(task)
        rig.simulation.sleep(0.01)

    rig.build(maxsize=3, observers=[dies])
    busy_day(rig)
    assert {type(task.error) for task in killed} == {GreenletExit}


def test_an_observer_may_use_the_pool(rig: Rig) -> None:
    sizes: list[tuple[int, int]] = []

    def curious(event: Event) -> None:
        sizes.append((event.size, rig.pool.snapshot().size))
        if event.event == "connection_closed":
            slot = rig.pool.acquire()
            rig.pool.release(slot, slot.lease)

    rig.build(maxsize=1, observers=[curious, rig.recorder])
    rig.evict(rig.acquire())
    assert rig.numbers.idle == 1
    assert sizes
    assert all(told == found for told, found in sizes)


def test_an_observer_that_never_returns_holds_up_nobody_else(rig: Rig) -> None:
    stuck: list[Event] = []

    def observe(event: Event) -> None:
        if event.event == "connection_opened" and not stuck:
            stuck.append(event)
            rig.simulation.sleep(float("inf"))

    rig.build(maxsize=2, observers=[observe])
    waiters = rig.waiters(2)
    rig.advance(1.0)
    assert stuck
    assert all(waiter.done for waiter in waiters)
    rig.release(*[waiter.get() for waiter in waiters])
    assert rig.numbers.idle == 2
