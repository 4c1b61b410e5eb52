"""Random schedules, with kills and timeouts wherever something can switch.

Every run has a seed, which a failure prints. ``DJANGO_PGPOOL_STRESS`` is the number of seconds that
each kind of run may take (default: about one); ``DJANGO_PGPOOL_SEED`` runs one seed only.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

import gevent
import pytest
from fakes import DriverError, FakeDriver, Outcome, ServerFull, ServerRestarting
from virtual_time import Simulation, Task

from django_pgpool.exceptions import PoolExhausted
from django_pgpool.pool import Pool, Reason, runtime
from django_pgpool.pool.runtime import GeventRuntime, ThreadRuntime
from pool.conftest import eventually
from pool.invariants import Invariants

SECONDS = float(os.environ.get("DJANGO_PGPOOL_STRESS", "1"))
ONLY = os.environ.get("DJANGO_PGPOOL_SEED")
NEVER_ENDS = Outcome(held=True)
EXPECTED = (PoolExhausted, DriverError)


def many_seeds(run: Callable[[int], None], seconds: float) -> None:
    end = time.monotonic() + seconds
    for seed in [int(ONLY)] if ONLY else count():
        try:
            run(seed)
        except BaseException as error:
            error.add_note(f"DJANGO_PGPOOL_SEED={seed}")
            raise
        if time.monotonic() > end:
            return


def chooser(random: Random, tick: float, *, endless: bool) -> Callable[[str], Outcome]:
    """How the steps of a bad day go. ``tick``: what counts as slow."""
    bad: dict[str, list[Outcome]] = {
        "open": [
            Outcome(error=lambda: DriverError("refused")),
            Outcome(error=lambda: ServerFull("full")),
            Outcome(error=lambda: ServerRestarting("starting up")),
            Outcome(tick * 2, error=lambda: DriverError("timed out")),
        ],
        "ping": [Outcome(result=False), Outcome(tick, error=lambda: DriverError("odd"))],
        "reset": [Outcome(result=Reason.DIRTY), Outcome(tick, error=lambda: DriverError("odd"))],
        "close": [Outcome(error=lambda: DriverError("odd"))],
        "farewell": [Outcome(error=lambda: DriverError("odd"))],
        "probe": [Outcome(error=lambda: DriverError("odd"))],
    }

    def choose(kind: str) -> Outcome:
        chance = random.random()
        if kind == "probe":
            return bad[kind][0] if chance < 0.02 else Outcome()
        if chance < 0.1:
            return random.choice(bad[kind])
        if chance < 0.13 and endless:
            return NEVER_ENDS
        if chance < 0.6:
            return Outcome(random.uniform(0, tick))
        return Outcome()

    return choose


def visit(
    pool: Pool[Any], driver: FakeDriver, random: Random, tick: float, sleep: Callable[[float], Any]
) -> None:
    """What a caller does with a connection. May be killed anywhere."""
    slot = pool.acquire(random.choice([None, 0.0, tick, 20 * tick]))
    lease, connection = slot.lease, slot.connection
    driver.hold(connection)
    try:
        sleep(random.uniform(0, tick))
        if random.random() < 0.1:
            connection.readable = True
    finally:
        driver.let_go(connection)
        (pool.evict if random.random() < 0.1 else pool.release)(slot, lease)


# ---- virtual time: many thousand switches a second, checked after every one


def simulated(seed: int) -> None:
    random = Random(seed)
    simulation = Simulation(random)
    driver = FakeDriver(simulation)
    driver.choose = chooser(random, 0.01, endless=True)
    if random.random() < 0.5:
        driver.always("farewell", Outcome())
    pool: Pool[Any] = Pool(
        driver,
        maxsize=random.randint(1, 6),
        minsize=random.choice([0, 0, 1]),
        maxwait=random.choice([0.05, 1.0]),
        expires=random.choice([None, 0.1, 5.0]),
        cleanup=random.choice([0.03, 1.0]),
        maxwaiting=random.choice([None, 8]),
        ping_after=random.choice([None, 0.0]),
        observers=[lambda _: simulation.sleep(0.001) if random.random() < 0.1 else None],
        runtime=simulation,
        clock=simulation.clock,
        random=random,
    )
    watch = Invariants(pool, simulation, driver)
    errors: list[BaseException] = []

    def work() -> None:
        for _ in range(5):
            try:
                visit(pool, driver, random, 0.01, simulation.sleep)
            except EXPECTED:
                pass
            except Exception as error:
                errors.append(error)

    workers = [simulation.go(work) for _ in range(random.randint(2, 30))]
    for _ in range(100):
        for _ in range(random.randrange(20)):
            simulation.step()
        if random.random() < 0.5:
            simulation.kill(random.choice(workers + simulation.alive()))
        if random.random() < 0.05:
            limit = random.randint(max(1, pool.minsize), 6)
            simulation.go(random.choice([pool.drain, lambda limit=limit: pool.resize(limit)]))
        if random.random() < 0.5:
            simulation.advance(random.choice([0.001, 0.01, 0.2]))
    assert not errors

    calm(simulation, driver)
    assert all(worker.done for worker in workers), "somebody is left asleep"
    watch.at_rest()
    assert pool.snapshot().in_use == pool.snapshot().waiting == 0
    pool.maxwaiting = None
    tasks = [simulation.go(pool.acquire, 1e6) for _ in range(pool.maxsize)]
    for _ in range(100):
        if all(task.done for task in tasks):
            break
        simulation.advance(1.0)
    slots = [task.get() for task in tasks]
    assert len({id(slot) for slot in slots}) == pool.maxsize
    for slot in slots:
        simulation.go(pool.release, slot, slot.lease)
    simulation.advance(1.0)
    assert pool.snapshot().in_use == 0
    simulation.go(pool.close)
    simulation.advance(100.0)
    assert not simulation.alive()
    assert not driver.server
    simulation.end()


def calm(simulation: Simulation, driver: FakeDriver) -> None:
    """The bad day is over: everything ends, and nothing fails any more."""
    driver.choose = None
    for _ in range(2000):
        for step in [step for step in driver.pending if step.outcome is None]:
            driver.finish(step)
        simulation.advance(0.1)
        unfinished: list[Task] = [task for task in simulation.tasks if not task.spawned]
        if not driver.pending and all(task.done for task in unfinished):
            break
    simulation.advance(6.0)


def test_random_schedules_in_virtual_time() -> None:
    many_seeds(simulated, SECONDS)


@pytest.mark.long
def test_random_schedules_in_virtual_time_for_long() -> None:
    many_seeds(simulated, 60 * SECONDS)


# ---- real greenlets

spawned: list[gevent.Greenlet] = []
"""What the pool has spawned in this run."""


class Tracked(runtime._Work):
    random = Random(0)
    kills_at_birth = 0.0

    def start(self) -> None:
        super().start()
        spawned.append(self)
        if self.random.random() < self.kills_at_birth:
            self.kill(block=False)  # before its first switch


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(runtime, "_Work", Tracked)
    yield
    Tracked.kills_at_birth = 0.0


def greenlets(seed: int) -> None:
    random = Tracked.random = Random(seed)
    Tracked.kills_at_birth = 0.05
    spawned.clear()
    driver = FakeDriver(GeventRuntime())
    driver.choose = chooser(random, 0.003, endless=True)
    if random.random() < 0.5:
        driver.always("farewell", Outcome())
    pool: Pool[Any] = Pool(
        driver,
        maxsize=random.randint(1, 20),
        maxwait=random.choice([0.02, 0.2]),
        expires=random.choice([None, 0.05]),
        cleanup=0.05,
        ping_after=random.choice([None, 0.001]),
        observers=[lambda _: gevent.sleep(0.0005) if random.random() < 0.05 else None],
        runtime=GeventRuntime(),
        random=random,
    )
    errors: list[BaseException] = []
    ends = time.monotonic() + 0.4

    def work() -> None:
        while time.monotonic() < ends:
            try:
                with gevent.Timeout(random.choice([None, random.uniform(0, 0.02)]), False):
                    visit(pool, driver, random, 0.003, gevent.sleep)
            except EXPECTED:
                gevent.sleep(0)
            except Exception as error:
                errors.append(error)

    workers = [gevent.spawn(work) for _ in range(random.randint(5, 200))]
    while time.monotonic() < ends:
        victim = random.choice(workers)
        if random.random() < 0.3:
            victim = random.choice([g for g in spawned if not g.dead] or workers)
        victim.kill(block=False)
        workers = [worker for worker in workers if not worker.dead] or [gevent.spawn(work)]
        gevent.sleep(random.uniform(0, 0.002))
    Tracked.kills_at_birth = 0.0
    driver.choose = None

    def nothing_is_pending() -> bool:
        for step in [step for step in driver.pending if step.outcome is None]:
            driver.finish(step)
        return not driver.pending and all(worker.dead for worker in workers)

    eventually(nothing_is_pending, gevent.sleep)
    assert spawned
    assert not errors
    everything_is_there(pool, driver, gevent.sleep, gevent.spawn)
    eventually(lambda: all(greenlet.dead for greenlet in spawned), gevent.sleep)


def everything_is_there(
    pool: Pool[Any],
    driver: FakeDriver,
    sleep: Callable[[float], Any],
    spawn: Callable[[Callable[[], None]], Any],
) -> None:
    """No slot was lost, none was handed out twice, nobody was left asleep, nothing stays behind."""
    eventually(lambda: not (pool.snapshot().in_use or pool.snapshot().waiting), sleep)
    slots = []

    def take() -> None:
        while True:
            with suppress(DriverError, PoolExhausted):  # back-off of the bad day
                slots.append(pool.acquire(10.0))
                return
            sleep(0.01)

    for _ in range(pool.maxsize):
        spawn(take)
    eventually(lambda: len(slots) == pool.maxsize, sleep, timeout=20.0)
    assert len({id(slot) for slot in slots}) == pool.maxsize
    assert len(driver.server) == pool.snapshot().in_use == pool.maxsize
    for slot in slots:
        pool.release(slot, slot.lease)
    eventually(lambda: not pool.snapshot().size, sleep)  # by the reaper
    assert not driver.server
    assert driver.most <= pool.maxsize
    assert not driver.faults
    pool.close()


@pytest.mark.usefixtures("tracked")
def test_random_schedules_of_greenlets() -> None:
    many_seeds(greenlets, SECONDS)


@pytest.mark.long
@pytest.mark.usefixtures("tracked")
def test_random_schedules_of_greenlets_for_long() -> None:
    many_seeds(greenlets, 60 * SECONDS)


# ---- real threads


def threads(seed: int) -> None:
    random = Random(seed)
    driver = FakeDriver(ThreadRuntime())
    driver.choose = chooser(random, 0.002, endless=False)
    if random.random() < 0.5:
        driver.always("farewell", Outcome())
    pool: Pool[Any] = Pool(
        driver,
        maxsize=random.randint(1, 10),
        maxwait=0.1,
        expires=random.choice([None, 0.05]),
        cleanup=0.05,
        ping_after=0.001,
        runtime=ThreadRuntime(),
    )
    errors: list[BaseException] = []
    ends = time.monotonic() + 0.4

    def work() -> None:
        while time.monotonic() < ends:
            try:
                visit(pool, driver, random, 0.001, time.sleep)
            except EXPECTED:
                pass
            except BaseException as error:
                errors.append(error)

    def spawn(function: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=function, daemon=True)
        thread.start()
        return thread

    workers = [spawn(work) for _ in range(random.randint(4, 40))]
    for worker in workers:
        worker.join(20.0)
        assert not worker.is_alive()
    assert not errors
    driver.choose = None
    everything_is_there(pool, driver, time.sleep, spawn)


@pytest.mark.threads
def test_random_schedules_of_threads() -> None:
    many_seeds(threads, SECONDS)


@pytest.mark.long
@pytest.mark.threads
def test_random_schedules_of_threads_for_long() -> None:
    many_seeds(threads, 60 * SECONDS)
