"""The server, as the simulated pools meet it: opening a connection takes time, the rest nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django_pgpool.pool import Reason

from ..virtual_time import Simulation

_TURNS = 10
"""In how many turns an opening gets its share of the processor; the more, the finer."""


@dataclass(frozen=True, slots=True)
class Connect:
    """What opening a connection costs."""

    name: str
    seconds: float
    shared: bool = False
    """It is work for one processor, which the openings in flight share: two take twice as long."""


CONNECTS = (
    Connect("1 ms", 0.001),
    Connect("10 ms", 0.01),
    Connect("100 ms", 0.1),
    Connect("10 ms of one processor", 0.01, shared=True),
)


@dataclass(eq=False, slots=True)
class Session:
    """One connection; moments are readings of the clock."""

    began: float
    ended: float | None = None


class Server:
    """A driver for the pool. Keeps count of the sessions."""

    def __init__(self, simulation: Simulation, connect: Connect) -> None:
        self._simulation = simulation
        self._connect = connect
        self._opening = 0
        self._sessions: list[Session] = []
        self.now = 0
        """Sessions there are, those being opened included."""
        self.most = 0
        """Sessions there ever were at once."""

    @property
    def openings(self) -> int:
        return len(self._sessions)

    def held(self) -> float:
        """Connection-seconds up to now: of each from the first packet of its opening on."""
        now = self._simulation.now
        return sum(
            (now if session.ended is None else session.ended) - session.began
            for session in self._sessions
        )

    # -- what the pool calls

    def open(self) -> Session:
        session = Session(self._simulation.now)
        self._sessions.append(session)
        self.now += 1
        self.most = max(self.most, self.now)
        self._opening += 1
        if self._connect.shared:
            for _ in range(_TURNS):
                self._simulation.sleep(self._connect.seconds / _TURNS * self._opening)
        else:
            self._simulation.sleep(self._connect.seconds)
        self._opening -= 1
        return session

    def watch(self, connection: Session, lost: Callable[[], None]) -> None:
        pass

    def probe(self, session: Session) -> Callable[[], object]:
        return lambda: False

    def ping(self, session: Session) -> bool:
        return True

    def reset(self, session: Session) -> Reason | None:
        return None

    def close(self, session: Session) -> None:
        session.ended = self._simulation.now
        self.now -= 1

    def is_transient(self, error: BaseException) -> bool:
        return False

    def is_full(self, error: BaseException) -> bool:
        return False
