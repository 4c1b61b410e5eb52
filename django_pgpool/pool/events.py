"""What the pool tells its observers: one frozen record per event.

The pool imports no observer. It calls each with an Event, outside its lock, after the accounting
is done: an observer may switch greenlets, raise or be killed, and the pool stays right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


class Reason(StrEnum):
    """Why a connection was closed."""

    EXPIRED = "expired"
    """Older than ``expires``."""
    IDLE = "idle"
    """Idle longer than ``cleanup``."""
    BROKEN = "broken"
    """The server or the network ended it, or a ping failed."""
    DIRTY = "dirty"
    """Came back in a state that could not be cleaned."""
    DEMOTED = "demoted"
    """Its server has become a standby; all connections are drained then."""
    TERMINATED = "terminated"
    """An administrator's command ended it under a statement; where that was the server's shutdown,
    all connections are drained."""
    DRAINED = "drained"
    """Replaced by ``drain()``."""
    SURPLUS = "surplus"
    """Above the limit after ``resize()`` to a smaller one."""
    CLOSED = "closed"
    """The pool was closed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, with the pool's numbers right after it."""

    event: str
    level: Level
    pool: str
    size: int
    in_use: int
    idle: int
    waiting: int
    seconds: float | None = None
    """What the duration means depends on the event; see docs/logs.md."""
    details: dict[str, str | int | float | None] = field(default_factory=dict)


Observer = Callable[[Event], None]
"""One with an attribute ``listens`` is asked with it whether it wants events of a level: where
nobody does, an event costs next to nothing."""
