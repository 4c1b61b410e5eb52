"""How other threads have something done in the main thread's hub.

gevent's ``run_callback_threadsafe()`` changes the count of what keeps a loop alive from the other
thread, while the loop changes it, too. A count that is lost there ends the loop one day, beneath
all who wait in it: LoopExit. Only an ``async_`` watcher may be told something by another thread.
https://pod.tst.eu/http://cvs.schmorp.de/libev/ev.pod#code_ev_async_code_how_to_wake_up_an
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

DESTROYED = (ValueError, TypeError)
"""What the watchers of gevent's loops raise once their loop is destroyed."""


class Doorbell:
    """It does not keep the loop alive."""

    __slots__ = ("_bell", "_calls", "hub")

    def __init__(self) -> None:
        self.hub: Any = None
        """Where it hangs."""
        self._bell: Any = None
        self._calls: deque[Callable[[None], object]] = deque()

    def hang(self, hub: Any) -> None:
        """In the thread of this hub. It hangs in one at a time: the last."""
        if hub is not self.hub:
            bell = hub.loop.async_(ref=False)
            bell.start(self._answer)
            old, self._bell, self.hub = self._bell, bell, hub
            if old is not None:
                with suppress(*DESTROYED):
                    old.close()

    def ring(self, call: Callable[[None], object]) -> None:
        """Have it called by the hub, with None. In any thread; never switches."""
        self._calls.append(call)
        with suppress(*DESTROYED):
            self._bell.send()

    def _answer(self) -> None:
        """In the hub."""
        calls = self._calls
        try:
            for _ in range(len(calls)):  # who rings meanwhile is not before all others
                try:
                    calls[0](None)  # up to here no signal handler gets in
                finally:
                    del calls[0]
        finally:
            if calls:
                self._bell.send()
