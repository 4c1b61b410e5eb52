"""A bound on the time of what a greenlet does."""

from __future__ import annotations

from time import monotonic
from typing import Any, Self

from gevent import Timeout, get_hub, getcurrent

from ..pool.reaper import BLOCKED
from .dbapi import OperationalError, is_green

TIMEOUT = "timeout expired: "
"""How the error begins where a bound was reached."""


class bounded(Timeout):  # noqa: N801  used as a function
    """``with bounded(what, seconds)``: raises OperationalError after so many seconds.

    A green wait lasts for ever, so the bound is ours; ending a wait closes the connection. Where
    the driver is not green libpq's own ``connect_timeout`` must do. Time in which the hub was
    blocked does not count, up to as many seconds again: whoever was waited for may have answered
    long ago, and nobody has looked.
    """

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__()
        self._what = what
        self.seconds = self._forgiven = seconds
        self._greenlet: Any = None
        """Whose time is bounded."""

    def __enter__(self) -> Self:
        if is_green():
            self._greenlet = getcurrent()
            self._arm(self._forgiven)
        return self

    def _arm(self, seconds: float) -> None:
        self._due = monotonic() + seconds
        self.timer = get_hub().loop.timer(seconds)
        self.timer.start(self._expire, update=True)

    def _expire(self) -> None:
        late = monotonic() - self._due
        more = min(late, self._forgiven) if late >= BLOCKED else 0.0
        self.timer.close()
        if more > 0:
            self._forgiven -= more
            self._arm(more)
        else:
            self._greenlet.throw(self)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._greenlet is None:
            return
        self.timer.close()
        if error is self:
            raise OperationalError(
                f"{TIMEOUT}{self._what} took longer than connect_timeout={self.seconds:g} s"
            ) from None
