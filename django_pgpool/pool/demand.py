"""How many connections the load of the last moments needs."""

from __future__ import annotations

import math

SOON = 1 / 8
"""Part of ``cleanup`` over which the load is averaged, and for which a connection that is not
needed is kept."""
SOON_AT_LEAST = 0.1
"""Seconds; unless ``cleanup`` itself is shorter."""


class Demand:
    """The load is the number of connections in use, averaged over the last ``memory`` seconds.

    Requests that come at random and make the load ``b`` use more than ``b + 4 sqrt(b) + 1`` at once
    but rarely: the square root staffing rule (A. K. Erlang, 1924; Halfin and Whitt, Operations
    Research 29, 1981). ``docs/policies.md`` compares it with other rules.
    """

    __slots__ = ("_load", "_memory", "_seen_at", "_used")

    def __init__(self, now: float, memory: float) -> None:
        self._memory = memory
        self._load = 0.0
        self._seen_at = now
        self._used = 0.0

    def observe(self, now: float, used: float) -> None:
        """Connections have been in use for ``used`` seconds in all, up to ``now``."""
        seconds = now - self._seen_at
        if seconds > 0:
            average = max(used - self._used, 0.0) / seconds
            self._load += (average - self._load) * -math.expm1(-seconds / self._memory)
            self._seen_at, self._used = now, used

    @property
    def connections(self) -> float:
        """As many are enough."""
        return self._load + 4 * math.sqrt(self._load) + 1


def soon(cleanup: float) -> float:
    """Seconds for which a connection that is not needed is kept, and the load is averaged."""
    return min(max(cleanup * SOON, SOON_AT_LEAST), cleanup)
