"""Stand-ins for what the pool needs: a driver with its server, and a runtime with virtual time."""

from __future__ import annotations

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from django_pgpool.pool import Event, Reason
from django_pgpool.pool.runtime import Parker, Runtime, allocate_lock

FOREVER = float("inf")


# ---- the driver


class DriverError(Exception):
    """What the fake driver raises where an opening fails."""


class ServerFull(DriverError):
    """A failure that is likely to pass."""


@dataclass(frozen=True)
class Outcome:
    """How one step of the driver goes: it takes ``seconds``, then raises or returns."""

    seconds: float = 0.0
    error: Callable[[], BaseException] | None = None
    result: Any = None
    held: bool = False
    """It does not end before the test says so: ``driver.finish(...)``, or a kill."""


FINE = Outcome()
HELD = Outcome(held=True)
FAILS = Outcome(error=lambda: DriverError("connection refused"))
FULL = Outcome(error=lambda: ServerFull("too many clients already"))


def slow(seconds: float) -> Outcome:
    return Outcome(seconds)


class FakeConnection:
    """Knows who holds it, and which step of the driver works on it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_open = True
        self.readable = False
        """The server has ended the session."""
        self.holder: object | None = None
        self.step: str | None = None

    def __repr__(self) -> str:
        return f"<connection {self.number}>"


@dataclass(eq=False)
class Step:
    """A step that is held."""

    kind: str
    connection: FakeConnection
    parker: Parker
    outcome: Outcome | None = None


class FakeDriver:
    """Every step can be fine, slow, held or fail. Misuse is written down in ``faults``, because the
    pool survives whatever a driver raises."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.server: set[FakeConnection] = set()
        """The sessions at the server, from the first packet of an opening until it has ended."""
        self.most = 0
        self.opened = 0
        self.failed = 0
        self.closed: list[FakeConnection] = []
        self.calls: Counter[str] = Counter()
        self.open_moments: list[float] = []
        self.faults: list[str] = []
        self.pending: list[Step] = []
        self.clock: Callable[[], float] = time.monotonic
        self.choose: Callable[[str], Outcome] | None = None
        """Decides what no script says, for instance at random."""
        self._scripts: dict[str, deque[Outcome]] = {}
        self._usual: dict[str, Outcome] = {}
        self._numbers = count(1)
        self._lock = allocate_lock()

    # -- what tests say

    def script(self, kind: str, *outcomes: Outcome) -> None:
        """How the next steps of this kind go."""
        self._scripts.setdefault(kind, deque()).extend(outcomes)

    def always(self, kind: str, outcome: Outcome) -> None:
        """How steps of this kind go when their script has ended."""
        self._usual[kind] = outcome

    def held(self, kind: str) -> list[Step]:
        return [step for step in self.pending if step.kind == kind and step.outcome is None]

    def finish(self, step: Step | str, outcome: Outcome = FINE) -> None:
        """End a held step; of a kind, the oldest."""
        if isinstance(step, str):
            step = self.held(step)[0]
        step.outcome = outcome
        step.parker.wake()

    @contextmanager
    def using(self, connection: FakeConnection) -> Iterator[None]:
        """The caller uses what it has acquired: nobody else may."""
        self.hold(connection)
        try:
            yield
        finally:
            self.let_go(connection)

    def hold(self, connection: FakeConnection) -> None:
        with self._lock:
            if connection.holder is not None:
                self.faults.append(f"{connection} handed out twice")
            if connection.step is not None:
                self.faults.append(f"{connection} handed out during {connection.step}")
            if not connection.is_open:
                self.faults.append(f"{connection} handed out after its end")
            connection.holder = getcurrent()

    def let_go(self, connection: FakeConnection) -> None:
        with self._lock:
            connection.holder = None

    # -- what the pool calls

    def open(self) -> FakeConnection:
        connection = FakeConnection(next(self._numbers))
        with self._lock:
            self.server.add(connection)
            self.most = max(self.most, len(self.server))
            self.open_moments.append(self.clock())
        try:
            self._take(self._outcome("open"), "open", connection)
        except BaseException as error:
            with self._lock:
                self.server.discard(connection)
                self.failed += isinstance(error, Exception)
            connection.is_open = False
            raise
        with self._lock:
            self.opened += 1
        return connection

    def probe(self, connection: FakeConnection) -> Callable[[], object]:
        self._take(self._outcome("probe"), "probe", connection)
        return lambda: connection.readable

    def ping(self, connection: FakeConnection) -> bool:
        return self._take(self._outcome("ping"), "ping", connection) is not False

    def reset(self, connection: FakeConnection) -> Reason | None:
        reason: Reason | None = self._take(self._outcome("reset"), "reset", connection)
        return reason

    def close(self, connection: FakeConnection) -> Callable[[], object] | None:
        """With a script for ``farewell``, the server takes its time to end the session."""
        lingers = "farewell" in self._usual or bool(self._scripts.get("farewell"))
        try:
            self._take(self._outcome("close"), "close", connection)
        finally:
            with self._lock:
                self.closed.append(connection)
                connection.is_open = False
                self.server.discard(connection)
        return (lambda: self._farewell(connection)) if lingers else None

    def _farewell(self, connection: FakeConnection) -> None:
        """A session that lingers counts while somebody waits for its end."""
        with self._lock:
            self.server.add(connection)
            self.most = max(self.most, len(self.server))
        connection.is_open = True
        try:
            self._take(self._outcome("farewell"), "farewell", connection)
        finally:
            connection.is_open = False
            with self._lock:
                self.server.discard(connection)

    def is_transient(self, error: BaseException) -> bool:
        return isinstance(error, ServerFull)

    def is_full(self, error: BaseException) -> bool:
        return False

    # -- inside

    def _outcome(self, kind: str) -> Outcome:
        self.calls[kind] += 1
        script = self._scripts.get(kind)
        if script:
            return script.popleft()
        if self.choose is not None:
            return self.choose(kind)
        return self._usual.get(kind, FINE)

    def _take(self, outcome: Outcome, kind: str, connection: FakeConnection) -> Any:
        with self._lock:
            if connection.step is not None:
                self.faults.append(f"{kind} of {connection} during {connection.step}")
            if connection.holder is not None:
                self.faults.append(f"{kind} of {connection} while somebody uses it")
            if not connection.is_open:
                self.faults.append(f"{kind} of {connection} after its end")
            connection.step = kind
        try:
            if outcome.held:
                outcome = self._hold(kind, connection)
            elif outcome.seconds:
                self.runtime.parker().park(outcome.seconds)
            if outcome.error is not None:
                raise outcome.error()
            return outcome.result
        finally:
            connection.step = None

    def _hold(self, kind: str, connection: FakeConnection) -> Outcome:
        step = Step(kind, connection, self.runtime.parker())
        self.pending.append(step)
        try:
            while step.outcome is None:
                step.parker.park(FOREVER)
            return step.outcome
        finally:
            self.pending.remove(step)


# ---- the observer


@dataclass
class Recorder:
    """Keeps what it is told."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        return [event.event for event in self.events]

    def of(self, name: str) -> list[Event]:
        return [event for event in self.events if event.event == name]


# ---- the runtime with virtual time


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


# ---- real schedules


def eventually(
    condition: Callable[[], object],
    sleep: Callable[[float], object] = time.sleep,
    timeout: float = 5.0,
) -> None:
    """Wait until it is true."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it never became true"
        sleep(0.002)


def ignoring(*errors: type[BaseException]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The function, but these errors are an answer: None."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def quiet(*args: Any, **options: Any) -> Any:
            with suppress(*errors):
                return function(*args, **options)
            return None

        return quiet

    return wrap
