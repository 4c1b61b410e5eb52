"""The rig on which a pool is tested, and the two real worlds it has to live in.

The tests as a whole run in a process that gevent has patched. Those marked ``threads`` need real
threads: ``test_threads_unpatched`` runs them in a process of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from random import Random
from typing import Any

import gevent
import pytest
from fakes import FakeDriver, Recorder
from virtual_time import Simulation, Task

from django_pgpool.pool import Pool, Slot, Snapshot, deciding
from django_pgpool.pool.measured import MeasuredPool
from django_pgpool.pool.runtime import (
    GeventRuntime,
    Runtime,
    ThreadRuntime,
    gevent_has_patched,
)
from pool.invariants import Invariants, RecordedSlot


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "threads: needs threads that gevent has not patched")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if gevent_has_patched():
        elsewhere = [item for item in items if item.get_closest_marker("threads")]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not item.get_closest_marker("threads")]


@pytest.fixture(autouse=True, scope="package")
def legal_transitions_only() -> Iterator[None]:
    """Not in plain threads: a property in Python lets another one in where a slot's does not."""
    patch = pytest.MonkeyPatch()
    if gevent_has_patched():
        patch.setattr(deciding, "Slot", RecordedSlot)
    yield
    patch.undo()


def pool_class(options: dict[str, Any]) -> type[Pool[Any]]:
    return MeasuredPool if "stats_interval" in options else Pool


class Rig:
    """A pool in virtual time, watched after every switch."""

    def __init__(self) -> None:
        self.simulation = Simulation()
        self.driver = FakeDriver(self.simulation)
        self.driver.clock = self.simulation.clock
        self.recorder = Recorder()
        self.run = self.simulation.run
        self.callers: list[Task] = []
        self.settle, self.advance = self.simulation.settle, self.simulation.advance
        self.kill = self.simulation.kill
        self.pool: Pool[Any]
        self.invariants: Invariants

    def build(self, **options: Any) -> Pool[Any]:
        options.setdefault("observers", [self.recorder])
        options.setdefault("random", Random(1))
        self.pool = pool_class(options)(
            self.driver, runtime=self.simulation, clock=self.simulation.clock, **options
        )
        self.invariants = Invariants(self.pool, self.simulation, self.driver)
        return self.pool

    def go(self, function: Callable[..., Any], *args: Any, **options: Any) -> Task:
        """Run it in a task of its own, beginning with the next switch."""
        task = self.simulation.go(function, *args, **options)
        self.callers.append(task)
        return task

    @property
    def numbers(self) -> Snapshot:
        return self.pool.snapshot()

    def acquire(self, maxwait: float | None = None) -> Slot:
        """... and have it. For connections that open at once."""
        slot: Slot = self.run(self.pool.acquire, maxwait)
        self.driver.hold(slot.connection)
        return slot

    def fill(self, number: int) -> list[Slot]:
        """So many connections, all in use."""
        tasks = [self.go(self.pool.acquire) for _ in range(number)]
        self.advance(1.0)
        slots: list[Slot] = [task.get() for task in tasks]
        for slot in slots:
            self.driver.hold(slot.connection)
        return slots

    def release(self, *slots: Slot) -> None:
        for slot in slots:
            self.driver.let_go(slot.connection)
            self.run(self.pool.release, slot, slot.lease)

    def evict(self, slot: Slot) -> None:
        self.driver.let_go(slot.connection)
        self.run(self.pool.evict, slot, slot.lease)

    def waiters(self, number: int, maxwait: float | None = None) -> list[Task]:
        """So many more callers; they wait."""
        tasks = [self.go(self.pool.acquire, maxwait) for _ in range(number)]
        self.settle()
        return tasks

    def is_whole(self) -> None:
        """Nothing is in use: every slot can be had, all at once."""
        assert self.numbers.in_use == self.numbers.waiting == 0
        self.release(*self.fill(self.pool.maxsize))
        assert self.numbers.idle == self.numbers.size == self.pool.maxsize


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    if hasattr(rig, "pool"):
        rig.invariants.after_every_switch()
    rig.simulation.end()


def eventually(
    condition: Callable[[], object],
    sleep: Callable[[float], object] = time.sleep,
    timeout: float = 20.0,
) -> None:
    """Wait until it is true."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it never became true"
        sleep(0.002)


class World:
    """Real greenlets or real threads."""

    def __init__(self, runtime: Runtime, sleep: Callable[[float], object]) -> None:
        self.runtime = runtime
        self.sleep = sleep
        self.driver = FakeDriver(runtime)
        self.recorder = Recorder()
        self.pools: list[Pool[Any]] = []

    def build(self, **options: Any) -> Pool[Any]:
        options.setdefault("observers", [self.recorder])
        pool: Pool[Any] = pool_class(options)(self.driver, runtime=self.runtime, **options)
        self.pools.append(pool)
        return pool

    def start(self, function: Callable[..., Any], *args: Any, **options: Any) -> Callable[..., Any]:
        """Run it beside; call what is returned for its result."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(function(*args, **options))
            except BaseException as error:
                future.set_exception(error)

        if isinstance(self.runtime, GeventRuntime):
            gevent.spawn(run)
        else:
            threading.Thread(target=run, daemon=True).start()

        def result(timeout: float = 20.0) -> Any:
            eventually(future.done, self.sleep, timeout)
            return future.result()

        return result

    def eventually(self, condition: Callable[[], object], timeout: float = 20.0) -> None:
        eventually(condition, self.sleep, timeout)


@pytest.fixture(params=["greenlets", pytest.param("threads", marks=pytest.mark.threads)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    gevently = request.param == "greenlets"
    world = World(GeventRuntime(), gevent.sleep) if gevently else World(ThreadRuntime(), time.sleep)
    yield world
    for pool in world.pools:
        pool.close()
    assert not world.driver.faults
