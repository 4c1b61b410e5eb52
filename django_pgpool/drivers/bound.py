"""A bound on the time of what a greenlet does."""

from __future__ import annotations

from time import monotonic

from gevent import Timeout, get_hub, getcurrent

from ..pool.reaper import BLOCKED
from .dbapi import OperationalError, is_green

TIMEOUT = "timeout expired: "
"""How the error begins where a bound was reached."""


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


class bounded:  # noqa: N801  used as a function
    """A green wait lasts for ever, so the bound is ours; ending a wait closes the connection. Where
    the driver is not green libpq's own ``connect_timeout`` must do."""

    __slots__ = ("_bound", "_seconds", "_what")

    def __init__(self, what: str, seconds: float) -> None:
        self._what = what
        self._seconds = seconds
        self._bound: Bound | None = None

    def __enter__(self) -> None:
        if is_green():
            self._bound = Bound(self._seconds)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._bound is None:
            return
        self._bound.close()
        if error is self._bound:
            raise OperationalError(
                f"{TIMEOUT}{self._what} took longer than connect_timeout={self._seconds:g} s"
            ) from None
