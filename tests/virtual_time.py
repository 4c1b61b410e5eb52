"""A runtime for the pool whose time is virtual, and whose schedule is the test's."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

FOREVER = float("inf")


class Spin(AssertionError):
    """Something runs again and again without time passing."""


class Task:
    """One simulated greenlet."""

    def __init__(self, work: Callable[[], Any], ended: Callable[[], None] | None) -> None:
        self.greenlet = greenlet(self._run)
        self.work: Callable[[], Any] | None = work
        self.ended = ended
        self.started = False
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def spawned(self) -> bool:
        """By the pool, not by the test."""
        return self.ended is not None

    def _run(self) -> None:
        assert self.work is not None
        try:
            self.result = self.work()
        except pytest.fail.Exception:
            raise  # the time limit of the test: not for the one who happens to run
        except BaseException as error:
            self.error = error

    def get(self) -> Any:
        assert self.done, "still running"
        if self.error is not None:
            raise self.error
        return self.result


@dataclass(eq=False)
class Timer:
    fire: Callable[[], None] | None
    """None: it was stopped."""


class SimulatedParker:
    def __init__(self, simulation: Simulation, daemon: bool) -> None:
        self._simulation = simulation
        self._woken = False
        self._park = 0
        self.task: Task | None = None
        """Who sleeps here."""
        self.daemon = daemon
        self.until = FOREVER

    def park(self, seconds: float) -> float:
        simulation = self._simulation
        self.task = simulation.current
        self._park += 1
        park = self._park
        self.until = simulation.now + max(seconds, 0.0)
        timer = None
        if self._woken:
            simulation.ready.append(lambda: self._resume(park))
        elif self.until < FOREVER:
            timer = simulation.at(self.until, lambda: self._resume(park))
        try:
            simulation.switch_out()
        finally:
            if timer is not None:
                timer.fire = None
            self.task = None
            self._woken = False
            self.until = FOREVER
        return 0.0  # virtual time is never late

    def wake(self) -> None:
        if not self._woken:
            self._woken = True
            if self.task is not None:
                park = self._park
                self._simulation.ready.append(lambda: self._resume(park))

    def _resume(self, park: int) -> None:
        if self.task is not None and park == self._park:
            self._simulation.switch_into(self.task)


class Simulation:
    """A runtime, its clock and its scheduler. Deterministic: what is ready runs in the order in
    which it became so or, given ``random``, in an order that the seed decides. The test itself is
    the hub: it must not park."""

    def __init__(self, random: Random | None = None) -> None:
        self.now = 1000.0
        self.current: Task | None = None
        self.ready: list[Callable[[], None]] = []
        self.tasks: list[Task] = []
        self.parkers: list[SimulatedParker] = []
        self.spawns = 0
        self.switches = 0
        self.crashes: list[BaseException] = []
        """Errors of what the pool has spawned; kills are not."""
        self.checks: list[Callable[[], None]] = []
        """Called after every single switch."""
        self._random = random
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._hub = getcurrent()

    # -- as a clock and as a Runtime

    def clock(self) -> float:
        return self.now

    def parker(self, *, daemon: bool = False) -> SimulatedParker:
        self.parkers = [parker for parker in self.parkers if parker.task is not None]
        parker = SimulatedParker(self, daemon)
        self.parkers.append(parker)
        return parker

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        self.spawns += 1
        self._start(Task(work, ended))

    # -- for tests

    def go(self, function: Callable[..., Any], *args: Any, **options: Any) -> Task:
        """Run it in a task of its own, beginning with the next switch."""
        return self._start(Task(lambda: function(*args, **options), None))

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run it, and everything else that is ready, and return its result."""
        task = self.go(function, *args, **options)
        self.settle()
        return task.get()

    def sleep(self, seconds: float) -> None:
        self.parker().park(seconds)

    def kill(self, task: Task, error: BaseException | None = None) -> None:
        """Throw it into the task when its turn comes, wherever the task is by then."""
        self.ready.append(lambda: self.switch_into(task, error or GreenletExit()))

    def step(self, index: int = 0) -> bool:
        """Switch once."""
        if not self.ready:
            return False
        if self._random is not None:
            index = self._random.randrange(len(self.ready))
        self.ready.pop(index % len(self.ready))()
        self.switches += 1
        for check in self.checks:
            check()
        return True

    def settle(self) -> None:
        """Run everything that can run at this moment."""
        for _ in range(50_000):
            if not self.step():
                return
        raise Spin("more than 50,000 switches in one moment")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        self.settle()
        fired = 0
        while self._timers and self._timers[0][0] <= end:
            moment, _, timer = heapq.heappop(self._timers)
            fired = fired + 1 if moment == self.now else 0
            if fired > 10_000:
                raise Spin("more than 10,000 timers in one moment")
            self.now = moment
            if timer.fire is not None:
                self.ready.append(timer.fire)
                self.settle()
        self.now = end

    def alive(self) -> list[Task]:
        """What the pool has spawned and what still lives."""
        return [task for task in self.tasks if task.spawned and not task.done]

    def sleeper(self) -> SimulatedParker | None:
        """Where the reaper sleeps."""
        return next((p for p in self.parkers if p.daemon and p.task is not None), None)

    def end(self) -> None:
        """Leave no greenlet behind."""
        self.checks.clear()
        for _ in range(100):
            unfinished = [task for task in self.tasks if not task.done]
            if not unfinished:
                return
            for task in unfinished:
                task.ended = None
                self.switch_into(task, GreenletExit())
        raise AssertionError("a task survives every kill")

    # -- inside

    def at(self, moment: float, fire: Callable[[], None]) -> Timer:
        timer = Timer(fire)
        heapq.heappush(self._timers, (moment, next(self._order), timer))
        return timer

    def _start(self, task: Task) -> Task:
        self.tasks = [task for task in self.tasks if not task.done]
        self.tasks.append(task)
        self.ready.append(lambda: None if task.started or task.done else self.switch_into(task))
        return task

    def switch_into(self, task: Task, error: BaseException | None = None) -> None:
        if task.done:
            return
        if error is not None and not task.started:
            task.error = error  # like gevent: a task killed before its first switch never runs
            self._end(task)
            return
        task.started = True
        self.current = task
        task.greenlet.parent = self._hub = getcurrent()
        try:
            if error is None:
                task.greenlet.switch()
            else:
                task.greenlet.throw(error)
        finally:
            self.current = None
        if task.greenlet.dead:
            self._end(task)

    def switch_out(self) -> None:
        assert self.current is not None, "the hub must not switch"
        self._hub.switch()

    def _end(self, task: Task) -> None:
        task.done = True
        task.work = None
        if task.spawned and isinstance(task.error, Exception):
            self.crashes.append(task.error)
        if task.ended is not None:
            task.ended()
