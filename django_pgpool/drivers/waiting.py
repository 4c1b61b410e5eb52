"""How psycopg2 waits under gevent: psycogreen's wait callback, and what that leaves out.

A wait that is interrupted (gevent.Timeout, kill) makes psycopg2 close its end of the connection,
but the server goes on with the statement. So the statement is cancelled first.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from gevent.socket import wait_read, wait_write
from psycogreen.gevent import gevent_wait_callback
from psycopg2.extensions import (
    POLL_OK,
    POLL_READ,
    POLL_WRITE,
    STATUS_SETUP,
    get_wait_callback,
    set_wait_callback,
)
from psycopg2.extensions import connection as Connection  # noqa: N812  psycopg2 names it so

from ..pool.runtime import gevent_has_patched
from .ending import give_up
from .session import TrackedConnection
from .sockets import is_writable


def make_green() -> None:
    """Let psycopg2 wait through gevent, if gevent has patched this process. A wait callback of the
    site's own stays; psycogreen's is part of ours."""
    if get_wait_callback() in (None, gevent_wait_callback) and gevent_has_patched():
        set_wait_callback(wait)


def wait(connection: Connection) -> None:
    """The wait callback: until psycopg2 has what it waits for.

    Raises OperationalError after ``read_timeout`` seconds of silence.
    """
    tracked = connection if isinstance(connection, TrackedConnection) else None
    read_timeout = tracked.read_timeout if tracked is not None else None
    try:
        if connection.status == STATUS_SETUP:
            _wait_while_opening(connection)
        else:
            gevent_wait_callback(connection, read_timeout)
    except psycopg2.Error:
        raise
    except BaseException as error:
        if tracked is not None:
            try:
                give_up(tracked)
            finally:
                if tracked.lost is not None:
                    tracked.lost()
        if isinstance(error, TimeoutError):
            raise psycopg2.OperationalError(
                f"the server sent nothing for read_timeout={read_timeout:g} s"
            ) from None
        raise


def _wait_while_opening(connection: Connection) -> None:
    """As psycogreen's, but where there is room to write, as there is as a rule, not by way of the
    hub, where all others would come first."""
    while (state := connection.poll()) != POLL_OK:
        descriptor = connection.fileno()
        if state == POLL_READ:
            wait_read(descriptor)
        elif state != POLL_WRITE:
            raise psycopg2.OperationalError(f"poll() returned {state!r}")
        elif not is_writable(descriptor):
            wait_write(descriptor)


def strange_wait() -> str | None:
    """The name of a wait callback that is the site's own and stays."""
    callback: Any = get_wait_callback()
    if not gevent_has_patched() or callback in (None, wait, gevent_wait_callback):
        return None
    name = getattr(callback, "__qualname__", type(callback).__name__)
    return f"{callback.__module__}.{name}"
