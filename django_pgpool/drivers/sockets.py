"""Waiting for a socket, green where gevent has patched the process."""

from __future__ import annotations

from gevent.monkey import get_original
from gevent.socket import wait_read, wait_write

from ..pool.runtime import gevent_has_patched

READ, WRITE = 1, 4  # select.POLLIN and POLLOUT, wherever there is poll()

UnpatchedSocket = get_original("socket", "socket")
unpatched_poll = get_original("select", "poll")


def is_writable(descriptor: int) -> bool:
    """Whether what is written now, or its error, has not to be waited for."""
    return _is_ready(descriptor, WRITE, 0.0)


def wait_for(descriptor: int, event: int, seconds: float, *, alone: bool = False) -> None:
    """Until READ or WRITE is possible. Raises TimeoutError after so many seconds. ``alone``: no
    other greenlet runs meanwhile."""
    if gevent_has_patched() and not alone:
        (wait_read if event == READ else wait_write)(descriptor, timeout=max(seconds, 0.0))
        return
    if not _is_ready(descriptor, event, max(seconds, 0.0)):
        raise TimeoutError


def _is_ready(descriptor: int, event: int, seconds: float) -> bool:
    """Whether it is so within so many seconds. No other greenlet runs meanwhile."""
    poller = unpatched_poll()
    poller.register(descriptor, event)
    return bool(poller.poll(seconds * 1000))
