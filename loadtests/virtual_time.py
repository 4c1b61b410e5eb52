"""A runtime for the pool whose time is virtual: nothing takes any, but for what sleeps.

For the simulator of ``policies``, and for the tests of the pool, which add to it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    from django_pgpool.pool.alarm import Alarm
    from django_pgpool.pool.slot import Slot

FOREVER = float("inf")


class Spin(AssertionError):
    """Something runs again and again without time passing."""


class Task:
    """One simulated greenlet."""

    def __init__(
        self,
        work: Callable[[], Any],
        ended: Callable[[], None] | None,
        fatal: tuple[type[BaseException], ...],
    ) -> None:
        self.greenlet = greenlet(self._run)
        self._fatal = fatal
        self.work: Callable[[], Any] | None = work
        self.ended = ended
        self.started = False
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def spawned(self) -> bool:
        """By the pool, not by ``go``."""
        return self.ended is not None

    def _run(self) -> None:
        assert self.work is not None
        try:
            self.result = self.work()
        except self._fatal:
            raise
        except BaseException as error:  # noqa: BLE001  kills are errors, too; see get()
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
    hub = None
    alarm: Alarm | None = None
    due: float
    """Never set: without a hub nobody sleeps by the alarm."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._woken = False
        self._park = 0
        self.task: Task | None = None
        """Who sleeps here."""
        self.until = FOREVER
        self.slot: Slot | None = None
        self.error: BaseException | None = None
        self.queued_at = 0.0

    def park(self, seconds: float) -> None:
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
    which it became so. Who creates it is the hub: it must not park. Durations are seconds."""

    fatal: tuple[type[BaseException], ...] = ()
    """Errors that end the run, not the task that happens to run when they are raised."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.current: Task | None = None
        self.ready: list[Callable[[], None]] = []
        self.tasks: dict[Task, None] = {}
        """Those that have not ended."""
        self.crashes: list[BaseException] = []
        """Errors of what the pool has spawned; kills are not."""
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._hub = getcurrent()

    # -- as a clock and as a Runtime

    def clock(self) -> float:
        return self.now

    def parker(self) -> SimulatedParker:
        return SimulatedParker(self)

    main_parker = parker

    def daemon_parker(self) -> SimulatedParker:
        return self.parker()

    def spawn(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        self._start(Task(work, ended, self.fatal))

    # -- for the hub

    def go(self, function: Callable[..., Any], *args: Any, **options: Any) -> Task:
        """Run it in a task of its own, beginning with the next switch."""
        return self._start(Task(lambda: function(*args, **options), None, self.fatal))

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run it, and everything else that is ready, and return its result."""
        task = self.go(function, *args, **options)
        self.settle()
        return task.get()

    def sleep(self, seconds: float) -> None:
        """In a task."""
        self.parker().park(seconds)

    def step(self, index: int = 0) -> bool:
        """Switch once. False: nothing was ready."""
        if not self.ready:
            return False
        self.ready.pop(index)()
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

    def end(self) -> None:
        """Leave no greenlet behind."""
        for _ in range(100):
            if not self.tasks:
                return
            for task in tuple(self.tasks):
                task.ended = None
                self.switch_into(task, GreenletExit())
        raise AssertionError("a task survives every kill")

    # -- inside

    def at(self, moment: float, fire: Callable[[], None]) -> Timer:
        """Call it in the hub at that reading of the clock."""
        timer = Timer(fire)
        heapq.heappush(self._timers, (moment, next(self._order), timer))
        return timer

    def _start(self, task: Task) -> Task:
        self.tasks[task] = None
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
        del self.tasks[task]
        task.work = None
        if task.spawned and isinstance(task.error, Exception):
            self.crashes.append(task.error)
        if task.ended is not None:
            task.ended()
