"""When a connection expires: never all of them together, never later than ``expires``."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

JITTER = 0.2
"""Part of ``expires`` over which expirations are spread."""
_TRIES = 8


def expiry(
    now: float, expires: float | None, maxsize: int, taken: Iterable[float], random: Random
) -> float:
    """A moment in the last fifth of the lifetime, away from the moments ``taken`` by the others.

    Of some random candidates it is the first that keeps a quarter of the average distance, or else
    the one that keeps the most. Expirations stay spaced out even for connections that were opened
    in one burst.
    """
    if expires is None:
        return float("inf")
    spread = expires * JITTER
    others = [moment for moment in taken if moment > now]
    best, best_gap = now + expires, -1.0
    for _ in range(_TRIES):
        candidate = now + expires - random.random() * spread
        gap = min((abs(candidate - moment) for moment in others), default=spread)
        if gap > best_gap:
            best, best_gap = candidate, gap
        if gap >= spread / (4 * maxsize):
            break
    return best
