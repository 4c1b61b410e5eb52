"""The reference: a pool that does no more than it must, and costs nothing itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..virtual_time import SimulatedParker, Simulation
from .server import Server, Session


@dataclass(eq=False, slots=True)
class Idle:
    """A connection that nobody uses."""

    session: Session


@dataclass(eq=False, slots=True)
class Waiting:
    """A caller at the limit."""

    parker: SimulatedParker
    session: Session | None = None


class FreePool:
    """Exact last in, first out. A caller who finds nothing idle opens a connection for itself, at
    the limit it queues; a connection that has been idle for ``cleanup`` seconds is closed at that
    moment."""

    def __init__(
        self, simulation: Simulation, server: Server, maxsize: int, cleanup: float
    ) -> None:
        self._simulation = simulation
        self._server = server
        self._maxsize = maxsize
        self._cleanup = cleanup
        self._idle: list[Idle] = []
        self._queue: deque[Waiting] = deque()
        self._size = 0

    def acquire(self) -> Session:
        if self._idle:
            return self._idle.pop().session
        if self._size < self._maxsize:
            self._size += 1
            return self._server.open()
        waiting = Waiting(self._simulation.parker())
        self._queue.append(waiting)
        while waiting.session is None:
            waiting.parker.park(float("inf"))
        return waiting.session

    def release(self, session: Session) -> None:
        if self._queue:
            waiting = self._queue.popleft()
            waiting.session = session
            waiting.parker.wake()
            return
        idle = Idle(session)
        self._idle.append(idle)
        self._simulation.at(self._simulation.now + self._cleanup, lambda: self._close(idle))

    def _close(self, idle: Idle) -> None:
        if idle in self._idle:
            self._idle.remove(idle)
            self._size -= 1
            self._server.close(idle.session)
