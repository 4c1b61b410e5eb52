"""The frozen picture of a pool at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Statistics of one pool, taken under its lock: every number belongs to the same instant.

    Counters count from the creation of the pool; durations are seconds.
    """

    pool: str
    """Name of the pool: the alias in DATABASES."""
    maxsize: int
    minsize: int
    closed: bool

    size: int
    """opening + idle + in_use + closing. Never above ``maxsize``, but for what is still in use
    after ``resize()`` to a smaller one."""
    opening: int
    idle: int
    in_use: int
    closing: int
    waiting: int
    """Callers queued at this moment."""

    acquires: int
    """Connections handed to a caller."""
    waits: int
    """Callers who had to queue, whatever became of them."""
    wait_seconds: float
    """Time spent queued, by all who have left the queue."""
    wait_seconds_max: float
    use_seconds: float
    """Time connections were held, by all who have given them back."""

    openings: int
    """Connections opened."""
    open_failures: int
    """Openings that failed."""
    open_seconds: float
    """Time the successful openings took, added up."""
    evictions: Mapping[str, int]
    """Connections closed, by reason."""
    exhausted: int
    """Callers who got PoolExhausted because ``maxwait`` ran out."""
    rejected: int
    """Callers who got PoolExhausted at once because ``maxwaiting`` were queued already."""
    abandoned: int
    """Callers who were killed or timed out from outside while they were queued."""
    reclaimed: int
    """Connections given back because their greenlet or thread had ended without doing so."""
    last_error: str | None
    """Text of the last failed opening; None once an opening has succeeded."""
