"""When a connection expires: never all of them together, never later than ``expires``."""

from __future__ import annotations

import math
from random import Random

JITTER = 0.2
"""Part of ``expires`` over which expirations are spread."""
_GOLDEN = (math.sqrt(5) - 1) / 2


class Expiry:
    """Lifetimes that end in the last fifth of ``expires``, from a random one on.

    Each is the golden section further round that fifth. Of all steps this one keeps any number of
    successive ones furthest apart (three-distance theorem, V. T. Sós, 1958), so
    connections that were opened in one burst never end in one, and nothing has to be searched.
    """

    __slots__ = ("_turn",)

    def __init__(self, random: Random) -> None:
        self._turn = random.random()

    def next(self, now: float, expires: float | None) -> float:
        """Clock reading at which a connection that was opened ``now`` expires."""
        if expires is None:
            return math.inf
        self._turn = (self._turn + _GOLDEN) % 1.0
        return now + expires * (1.0 - JITTER * self._turn)
