"""What ``maxwait`` takes, added to the free pool."""

from __future__ import annotations

from typing import Any

from gevent import get_hub
from gevent.hub import Waiter

from .pool import FreePool, Open

PATIENCE = 10.0
"""Seconds, as the default ``maxwait`` of django_pgpool."""


class TimedFreePool(FreePool):
    """Each who waits has a timer, and can tell its end from being handed a connection. It is never
    to fire: what then is to be done is left out."""

    def acquire(self, opens: Open) -> Any:
        if self._idle or self._size < self._maxsize:
            return super().acquire(opens)
        hub = get_hub()
        waiter: Any = Waiter(hub)
        self._waiting.append(waiter)
        timer = hub.loop.timer(PATIENCE)
        timer.start(waiter.switch, None, update=True)
        try:
            return waiter.get()
        finally:
            timer.close()
