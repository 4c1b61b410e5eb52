"""Stand-ins for what the pool is given: a driver with its server, and an observer."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from greenlet import getcurrent

from django_pgpool.pool import Event, Reason
from django_pgpool.pool.runtime import Parker, Runtime, allocate_lock

# ---- the driver


class DriverError(Exception):
    """What the fake driver raises where an opening fails."""


class ServerFull(DriverError):
    """A failure that is likely to pass."""


class ServerRestarting(DriverError):
    """One that is likely to pass in a moment."""


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
RESTARTING = Outcome(error=lambda: ServerRestarting("the database system is starting up"))


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

    def watch(self, connection: FakeConnection, lost: Callable[[], None]) -> None:
        pass

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
        return isinstance(error, (ServerFull, ServerRestarting))

    def is_full(self, error: BaseException) -> bool:
        return isinstance(error, ServerFull)

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
                step.parker.park(float("inf"))
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
