"""What one request has had of the pools, told by its context variables: greenlets that it begins
have others."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic
from typing import Any

from .. import registry
from ..pool import Pool
from ..pool.timed import Meter, meter


class Use:
    """Of one alias. Durations are seconds."""

    def __init__(self) -> None:
        self.acquires = 0
        self.in_vain = 0
        """Acquires that came to nothing."""
        self.waited = 0.0
        """By all of them."""
        self.waited_max = 0.0
        self.returned = 0.0
        """For which those connections were held that were given back."""
        self._since: list[float] = []
        """When the others were acquired."""

    @property
    def held(self) -> float:
        """By now."""
        now = monotonic()
        return self.returned + sum(now - since for since in self._since)

    @property
    def holds(self) -> int:
        """Connections that have not been given back."""
        return len(self._since)

    def got(self, seconds: float) -> None:
        """A connection, after so long."""
        self.acquires += 1
        self._since.append(monotonic())
        self._wait(seconds)

    def gave_up(self, seconds: float) -> None:
        """After so long."""
        self.in_vain += 1
        self._wait(seconds)

    def gave_back(self, seconds: float) -> None:
        """A connection that was held for so long."""
        self.returned += seconds
        if self._since:  # else it was acquired before
            acquired_at = monotonic() - seconds
            self._since.remove(min(self._since, key=lambda since: abs(since - acquired_at)))

    def _wait(self, seconds: float) -> None:
        self.waited += seconds
        self.waited_max = max(self.waited_max, seconds)


Uses = dict[str, Use]
"""By alias."""
_current: ContextVar[Uses | None] = ContextVar("django_pgpool.debug_toolbar", default=None)
_begun = False


def begin() -> Uses:
    """Record what is done in this context, until ``end()``. From the first time on pools are timed,
    which costs each acquire about a microsecond."""
    global _begun  # noqa: PLW0603  there is one
    if not _begun:
        _begun = True
        registry.watch(_watch)
    uses: Uses = {}
    _current.set(uses)
    return uses


def end() -> None:
    """Record nothing more in this context."""
    _current.set(None)


def _watch(pool: Pool[Any]) -> None:
    alias = pool.name

    def told(record: Callable[[Use, float], None]) -> Callable[[float], None]:
        def tell(seconds: float) -> None:
            uses = _current.get()
            if uses is not None:
                record(uses.setdefault(alias, Use()), seconds)

        return tell

    meter(pool, Meter(told(Use.got), told(Use.gave_up), told(Use.gave_back), _ignore))


def _ignore(seconds: float) -> None:
    """Openings are nobody's in particular: whoever comes first gets the connection."""
