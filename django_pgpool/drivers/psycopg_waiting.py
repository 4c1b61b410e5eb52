"""How psycopg waits under gevent.

It decides once, when it is imported, whether gevent has patched the process; imported before, it
would block all greenlets. And it wakes up ten times a second to look for signals. So the pool's
connections wait by themselves, each in one sleep.
"""

from __future__ import annotations

import selectors
from collections.abc import Generator
from typing import Any

from gevent import get_hub
from gevent.hub import Waiter as HubWaiter
from psycopg import waiting

from ..pool.runtime import gevent_has_patched
from .lent import every


def make_green() -> None:
    """Let all other connections of psycopg wait through gevent, if gevent has patched this process
    since psycopg was imported."""
    if gevent_has_patched() and waiting.wait is getattr(waiting, "wait_c", None):
        waiting.wait = waiting.wait_poll
        waiting.DefaultSelector = selectors.DefaultSelector


def ready(descriptor: int, events: int, seconds: float | None) -> int:
    """Park until the socket is ready; how, in psycopg's numbers, which are gevent's: 1 for reading,
    2 for writing, 3 for both. 0 after so many seconds."""
    hub = get_hub()
    waiter: Any = HubWaiter(hub)
    watcher: Any = hub.loop.io(descriptor, int(events))
    timer: Any = None
    try:
        watcher.start(waiter.switch, pass_events=True)
        if seconds is not None:
            # Of lower priority, as gevent's own: after a pause of the whole process what has come
            # meanwhile counts first.
            timer = hub.loop.timer(seconds, priority=-1)
            timer.start(waiter.switch, 0)
        return int(waiter.get())
    finally:
        watcher.close()
        if timer is not None:
            timer.close()


class _Opening:
    """A connection that psycopg has yet to make an object of."""

    descriptor = -1
    abandoned = False

    def fileno(self) -> int:
        return self.descriptor


def opened(steps: Generator[tuple[int, int], int, Any]) -> Any:
    """What comes of the steps of an opening. It has no bound of its own."""
    opening = _Opening()
    every[id(opening)] = opening
    try:
        opening.descriptor, events = next(steps)
        while True:
            opening.descriptor, events = steps.send(ready(opening.descriptor, events, None))
    except StopIteration as done:
        return done.value
    finally:
        every.pop(id(opening), None)  # its descriptor may be closed by now, and be another's


def strange_wait() -> str | None:
    """None: there is no wait of the site's own that the pool's connections would go through."""
    return None
