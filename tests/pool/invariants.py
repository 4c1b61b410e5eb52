"""What must be true of a pool after every single switch, and when everything has come to rest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from fakes import FakeDriver
from virtual_time import Simulation

from django_pgpool.pool import Pool, State
from django_pgpool.pool.runtime import Parker
from django_pgpool.pool.slot import Slot

LEGAL = {
    None: {State.OPENING},
    State.OPENING: {State.IDLE, State.IN_USE, State.CLOSING},
    State.IDLE: {State.IN_USE, State.CLOSING},
    State.IN_USE: {State.IN_USE, State.IDLE, State.CLOSING},
    State.CLOSING: set(),
}


class RecordedSlot(Slot):
    """A slot that refuses illegal transitions. Sets of them are always in the same order, so that
    a run can be repeated."""

    __slots__ = ("_number", "_state")
    numbers: Iterator[int] = count()

    def __init__(self, now: float) -> None:
        self._number = next(self.numbers)
        super().__init__(now)

    def __hash__(self) -> int:
        return self._number

    @property
    def state(self) -> Any:
        return self._state

    @state.setter
    def state(self, new: State) -> None:
        old = getattr(self, "_state", None)
        assert new in LEGAL[old], f"{old} -> {new}"
        self._state = new


class Invariants:
    """Looks inside the pool: from outside most of this would show only much later."""

    def __init__(self, pool: Pool[Any], simulation: Simulation, driver: FakeDriver) -> None:
        self.pool = pool
        self.simulation = simulation
        self.driver = driver
        RecordedSlot.numbers = count()
        self._size = 0
        self._queue: list[Parker] = []
        simulation.checks.append(self.after_every_switch)

    def after_every_switch(self) -> None:
        pool = self.pool
        assert pool._lock.acquire(blocking=False), "somebody has switched with the lock held"
        pool._lock.release()
        assert not self.driver.faults, self.driver.faults
        assert not self.simulation.crashes, self.simulation.crashes
        self._slots_add_up()
        self._the_limit_holds()
        self._first_in_first_out()

    def _slots_add_up(self) -> None:
        pool, numbers = self.pool, self.pool.snapshot()
        assert all(type(slot) is RecordedSlot for slot in pool._slots)
        states = [slot.state for slot in pool._slots]
        assert numbers.size == len(states)
        assert numbers.opening == states.count(State.OPENING)
        assert numbers.idle == states.count(State.IDLE)
        assert numbers.in_use == states.count(State.IN_USE)
        assert numbers.closing == states.count(State.CLOSING)
        assert 0 <= pool._connecting <= numbers.opening
        assert len(pool._idle) == len(set(pool._idle)), "one slot is idle twice"
        assert all(slot.state is State.IDLE and slot in pool._slots for slot in pool._idle)
        assert not (numbers.idle and numbers.waiting), "idle connections, and yet somebody waits"
        evicted = sum(numbers.evictions.values())
        assert numbers.openings - evicted == numbers.size - numbers.opening
        assert len(self.driver.server) <= numbers.size, "a connection at the server has no slot"

    def _the_limit_holds(self) -> None:
        size = len(self.pool._slots)
        assert size <= max(self.pool.maxsize, self._size)
        self._size = size

    def _first_in_first_out(self) -> None:
        living = list(self.pool._queue)
        assert not any(waiter.slot or waiter.error for waiter in living)
        overtaken = False
        for waiter in self._queue:
            served = waiter.slot is not None or waiter.error is not None
            assert not (served and overtaken), "served before somebody who has waited longer"
            overtaken = overtaken or waiter in living
        self._queue = living

    def at_rest(self) -> None:
        """Nothing is ready to run: whatever is under way is held by a step of the driver."""
        assert not self.simulation.ready
        numbers, held = self.pool.snapshot(), self.driver.held
        worked_on = len(held("open")) + len(held("close")) + len(held("farewell"))
        assert numbers.opening + numbers.closing == worked_on, "a slot that nobody works on"
        self._nobody_sleeps_for_nothing()
        self._the_reaper_knows_what_is_due()

    def _nobody_sleeps_for_nothing(self) -> None:
        numbers = self.pool.snapshot()
        if numbers.waiting and numbers.size < numbers.maxsize:
            covered = numbers.opening >= min(numbers.waiting, self.pool._growth.ramp)
            assert covered or self._the_reaper_will_look(), "somebody waits though there is room"

    def _the_reaper_knows_what_is_due(self) -> None:
        if not self.pool._idle:
            return
        lru = self.pool._idle[0]
        due = min(slot.expires_at for slot in self.pool._idle)
        if len(self.pool._slots) - self.pool._closing > self.pool.minsize:
            due = min(due, lru.last_used + self.pool._cleanup)
        if due < float("inf"):
            assert self._the_reaper_will_look(due), "an idle connection that nobody will close"

    def _the_reaper_will_look(self, moment: float = float("inf")) -> bool:
        """It sleeps, not longer than to this moment; or it is busy, and will look afterwards."""
        sleeper = self.simulation.sleeper()
        if sleeper is None:
            return self.pool._reaper._current is not None  # it works on something
        # A killed reaper is replaced after a short pause.
        return sleeper.until <= max(moment, self.simulation.now + 0.2)
