"""Whatever happens to a pool, in whatever order, its invariants hold.

Hypothesis chooses what happens and which greenlet runs next; time is virtual. What fails is shrunk
to a few steps and can be run again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from fakes import FAILS, FINE, FULL, HELD, RESTARTING, DriverError, FakeDriver, Outcome
from greenlet import GreenletExit
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from virtual_time import Simulation, Task

from django_pgpool.exceptions import PoolClosed, PoolExhausted
from django_pgpool.pool import Pool, Reason, Slot
from pool.invariants import Invariants

EXAMPLES = int(200 * float(os.environ.get("DJANGO_PGPOOL_STRESS", "1")))
ANY = st.integers(0, 1_000_000)
KINDS = ("reset", "close", "farewell", "ping")
OUTCOMES: dict[str, list[Outcome]] = {
    "open": [FINE, FINE, FAILS, FULL, RESTARTING],
    "close": [FINE, FAILS],
    "farewell": [FINE, FAILS],
    "ping": [FINE, FAILS, Outcome(result=False)],
    "reset": [FINE, FAILS, Outcome(result=Reason.DIRTY), Outcome(result=Reason.DEMOTED)],
}


class PoolMachine(RuleBasedStateMachine):
    pool: Pool[Any]

    @initialize(
        maxsize=st.integers(1, 4),
        minsize=st.integers(0, 1),
        maxwaiting=st.sampled_from([None, 3]),
        ping_after=st.sampled_from([None, 0.0]),
        seed=ANY,
    )
    def build(
        self,
        maxsize: int,
        minsize: int,
        maxwaiting: int | None,
        ping_after: float | None,
        seed: int,
    ) -> None:
        self.simulation = Simulation()
        self.driver = FakeDriver(self.simulation)
        self.driver.always("open", HELD)
        self.pool = Pool(
            self.driver,
            maxsize=maxsize,
            minsize=minsize,
            maxwaiting=maxwaiting,
            ping_after=ping_after,
            expires=60.0,
            cleanup=20.0,
            runtime=self.simulation,
            clock=self.simulation.clock,
            random=Random(seed),
        )
        self.watch = Invariants(self.pool, self.simulation, self.driver)
        self.acquirers: list[Task] = []
        self.others: list[Task] = []
        """Releases, drains and so on."""
        self.held: list[tuple[Slot, int]] = []
        self.outcomes: Counter[str] = Counter()

    # -- callers

    @rule(maxwait=st.sampled_from([0.0, 0.3, 10.0, 10.0, float("inf")]))
    def acquire(self, maxwait: float) -> None:
        self.acquirers.append(self.simulation.go(self._acquire, maxwait))

    def _acquire(self, maxwait: float) -> None:
        try:
            slot = self.pool.acquire(maxwait)
        except BaseException as error:
            name = type(error).__name__
            self.outcomes[name] += 1
            if isinstance(error, PoolExhausted) and error.waited == 0.0 and maxwait:
                self.outcomes["rejected"] += 1
            if not isinstance(error, (GreenletExit, PoolExhausted, PoolClosed, DriverError)):
                raise
            return
        self.outcomes["served"] += 1
        self.driver.hold(slot.connection)
        self.held.append((slot, slot.lease))

    @precondition(lambda self: self.held)
    @rule(which=ANY, how=st.sampled_from(["release", "release", "evict", "reclaim"]))
    def give_back(self, which: int, how: str) -> None:
        slot, lease = self._take(self.held, which)
        self.driver.let_go(slot.connection)
        self.others.append(self.simulation.go(getattr(self.pool, how), slot, lease))

    @precondition(lambda self: self.held)
    @rule(which=ANY, hows=st.tuples(*[st.sampled_from(["release", "evict"])] * 2))
    def give_back_twice(self, which: int, hows: tuple[str, str]) -> None:
        slot, lease = self._take(self.held, which)
        self.driver.let_go(slot.connection)
        refused: list[RuntimeError] = []

        def again(how: str) -> None:
            try:
                getattr(self.pool, how)(slot, lease)
            except RuntimeError as error:
                refused.append(error)

        for how in hows:
            self.others.append(self.simulation.go(again, how))
        self.simulation.settle()
        assert len(refused) == 1

    @precondition(lambda self: self.acquirers)
    @rule(which=ANY)
    def kill_a_caller(self, which: int) -> None:
        self.simulation.kill(self._any(self.acquirers, which))

    @precondition(lambda self: self.others)
    @rule(which=ANY)
    def kill_a_release(self, which: int) -> None:
        """... or a drain, a close and so on; one that has not begun was never called."""
        task = self._any(self.others, which)
        if task.started:
            self.simulation.kill(task)

    # -- background

    @precondition(lambda self: self.simulation.alive())
    @rule(which=ANY)
    def kill_an_opener_or_the_reaper(self, which: int) -> None:
        self.simulation.kill(self._any(self.simulation.alive(), which))

    @precondition(lambda self: self.driver.held("open"))
    @rule(which=ANY, outcome=st.sampled_from(OUTCOMES["open"]))
    def an_opening_ends(self, which: int, outcome: Outcome) -> None:
        self.driver.finish(self._any(self.driver.held("open"), which), outcome)

    @precondition(lambda self: any(self.driver.held(kind) for kind in KINDS))
    @rule(which=ANY, outcome=ANY)
    def a_slow_step_ends(self, which: int, outcome: int) -> None:
        step = self._any([step for kind in KINDS for step in self.driver.held(kind)], which)
        self.driver.finish(step, self._any(OUTCOMES[step.kind], outcome))

    @rule(kind=st.sampled_from(KINDS), outcome=st.sampled_from([FINE, HELD]))
    def steps_become(self, kind: str, outcome: Outcome) -> None:
        self.driver.always(kind, outcome)

    @rule()
    def the_next_probe_fails(self) -> None:
        self.driver.script("probe", FAILS)

    @precondition(lambda self: self.pool._idle)
    @rule(which=ANY)
    def the_server_ends_an_idle_session(self, which: int) -> None:
        self._any(list(self.pool._idle), which).connection.readable = True

    # -- operators

    @rule()
    def drain(self) -> None:
        self.others.append(self.simulation.go(self.pool.drain))

    @rule(maxsize=st.integers(1, 5))
    def resize(self, maxsize: int) -> None:
        self.others.append(self.simulation.go(self.pool.resize, maxsize))

    @precondition(lambda self: self.outcomes["served"] > 3)
    @rule(how=st.sampled_from(["close", "retire"]))
    def close(self, how: str) -> None:
        self.others.append(self.simulation.go(getattr(self.pool, how)))

    # -- the schedule

    @rule(which=ANY)
    def switch(self, which: int) -> None:
        self.simulation.step(which)

    @rule()
    def settle(self) -> None:
        self.simulation.settle()

    @rule(seconds=st.sampled_from([0.01, 0.2, 1.0, 7.0, 25.0, 70.0]))
    def advance(self, seconds: float) -> None:
        before = self.simulation.switches
        self.simulation.advance(seconds)
        # Every timer that fires has a reason; the shortest regular one is that of growth, 1 ms.
        assert self.simulation.switches - before < 500, "too busy for a pool to which nobody comes"

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "pool") or self.simulation.ready:
            return
        assert not any(task.error for task in self.acquirers if task.started)
        self.acquirers = [task for task in self.acquirers if not task.done]
        self.others = [task for task in self.others if not task.done]
        self.watch.at_rest()
        self._counters_agree()

    def _counters_agree(self) -> None:
        numbers, held, outcomes = self.pool.snapshot(), self.driver.held, self.outcomes
        assert numbers.in_use == len(self.held) + len(held("reset")) + len(held("ping"))
        assert numbers.acquires == outcomes["served"] + len(held("ping"))
        assert numbers.exhausted + numbers.rejected == outcomes["PoolExhausted"]
        assert numbers.rejected >= outcomes["rejected"]
        assert numbers.abandoned <= outcomes["GreenletExit"]
        assert numbers.waiting <= len(self.acquirers)
        assert numbers.openings <= self.driver.opened  # less those whose probe has failed
        assert sum(numbers.evictions.values()) <= len(self.driver.closed)
        if not (held("close") or held("farewell")):
            assert len(self.driver.server) == numbers.size

    # -- the end

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        try:
            self._everything_ends_well()
        finally:
            self.simulation.end()

    def _everything_ends_well(self) -> None:
        self.driver._scripts.clear()
        for kind in ("open", *KINDS):
            self.driver.always(kind, FINE)
        self.simulation.settle()
        while self.held or self.driver.pending or self.simulation.ready or self.acquirers:
            for step in [step for step in self.driver.pending if step.outcome is None]:
                self.driver.finish(step)
            for slot, lease in self.held:
                self.driver.let_go(slot.connection)
                self.simulation.go(self.pool.release, slot, lease)
            self.held.clear()
            waiting = len(self.acquirers)
            self.simulation.advance(6.0)  # longer than any back-off
            self.holds()
            assert len(self.acquirers) < waiting or not waiting, "somebody is never served"
        if not self.pool.closed:
            self._every_slot_is_there()
        self.simulation.advance(200.0)
        kept = 0 if self.pool.closed else self.pool.minsize
        assert self.pool.snapshot().size <= kept
        assert len(self.driver.server) <= kept
        if not self.pool.snapshot().size:
            assert not self.simulation.alive(), "an empty pool, and yet something runs"

    def _every_slot_is_there(self) -> None:
        self.pool.maxwaiting = None
        self.simulation.advance(6.0)
        number = self.pool.maxsize
        tasks = [self.simulation.go(self.pool.acquire, float("inf")) for _ in range(number)]
        # Where openings are measured to be slow and releases to be quick, growth hesitates.
        self.simulation.advance(1000.0)
        slots = [task.get() for task in tasks]
        assert len(set(slots)) == self.pool.maxsize
        for slot in slots:
            self.driver.hold(slot.connection)
        for slot in slots:
            self.driver.let_go(slot.connection)
            self.simulation.run(self.pool.release, slot, slot.lease)

    @staticmethod
    def _any(things: list[Any], which: int) -> Any:
        return things[which % len(things)]

    @staticmethod
    def _take(things: list[Any], which: int) -> Any:
        return things.pop(which % len(things))


TestPoolMachine: Callable[..., Any] = PoolMachine.TestCase
TestPoolMachine.settings = settings(  # type: ignore[attr-defined]
    max_examples=EXAMPLES, stateful_step_count=60, deadline=None, print_blob=True
)
