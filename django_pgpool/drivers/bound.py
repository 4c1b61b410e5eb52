"""A bound on the time of what a greenlet does."""

from __future__ import annotations

from time import monotonic

from gevent import Timeout, get_hub, getcurrent

from ..pool.reaper import BLOCKED


class Bound(Timeout):
    """Raised in its greenlet after so many seconds, unless it is closed before.

    Time in which the hub was blocked does not count, up to as many seconds again: whoever was
    waited for may have answered long ago, and nobody has looked.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._greenlet = getcurrent()
        self._forgiven = seconds
        self._arm(seconds)

    def _arm(self, seconds: float) -> None:
        self._due = monotonic() + seconds
        self._ticker = get_hub().loop.timer(seconds)
        self._ticker.start(self._expire, update=True)

    def _expire(self) -> None:
        late = monotonic() - self._due
        more = min(late, self._forgiven) if late >= BLOCKED else 0.0
        self._ticker.close()
        if more > 0:
            self._forgiven -= more
            self._arm(more)
        else:
            self._greenlet.throw(self)

    def close(self) -> None:
        self._ticker.close()
