"""A slot: one unit of the pool's capacity. It holds at most one connection."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from .events import Reason

if TYPE_CHECKING:
    from .note import Note


class State(Enum):
    """A slot counts in ``size`` in each of these states, from the decision to open a connection
    until that connection is really closed.

    OPENING -> IDLE | IN_USE | CLOSING, or gone where the opening failed;
    IDLE -> IN_USE | CLOSING;  IN_USE -> IN_USE (handed over) | IDLE | CLOSING;  CLOSING -> gone.
    """

    OPENING = "opening"
    IDLE = "idle"
    IN_USE = "in_use"
    CLOSING = "closing"


IDLE, IN_USE = State.IDLE, State.IN_USE
"""For the hot path, where the look-up of an enumeration's member would be felt."""


class Slot:
    """Every field is written under the pool's lock, or by who holds the slot or takes it."""

    __slots__ = (
        "acquired_at",
        "begun",
        "connection",
        "created_at",
        "doom",
        "expires_at",
        "last_used",
        "lease",
        "note",
        "readable",
        "state",
    )

    def __init__(self, now: float) -> None:
        self.state = State.OPENING
        self.connection: Any = None
        self.created_at = now
        """Clock reading of the decision to open; once open, of the moment the connection was."""
        self.last_used = now
        self.acquired_at = now
        self.expires_at = float("inf")
        self.lease = 0
        """Number of the acquire, counted by each slot; negative from the first moment of its
        release on. Giving back with another one is refused, so a second release can never give
        away a connection that someone else holds by now."""
        self.begun = False
        """Whether its opener has begun."""
        self.doom: Reason | None = None
        """Set on a slot that must not be handed out again: it is evicted as soon as nobody uses
        it. Idle slots carry no doom, they are closed at once."""
        self.note: Note | None = None
        """Where the holder of some lease came from, if that is noted."""
        self.readable: Callable[[], object] = _never
        """True where the idle connection's socket has something to read: no answer is due, so the
        server has ended the session."""


def _never() -> bool:
    return False
