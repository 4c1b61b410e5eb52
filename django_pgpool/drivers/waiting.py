"""How psycopg2 waits under gevent: psycogreen's wait callback, and what that leaves out.

A wait that is interrupted (gevent.Timeout, kill) makes psycopg2 close its end of the connection,
but the server goes on with the statement. So the statement is cancelled first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR
from time import monotonic, sleep

import psycopg2
from gevent.monkey import get_original
from psycogreen.gevent import gevent_wait_callback
from psycopg2.extensions import TRANSACTION_STATUS_ACTIVE, get_wait_callback, set_wait_callback
from psycopg2.extensions import connection as Connection  # noqa: N812  psycopg2 names it so

from ..pool.runtime import gevent_has_patched
from .cancel import cancel
from .session import TrackedConnection
from .sockets import READ, wait_for

_Socket = get_original("socket", "socket")
_LOOK_EVERY = 0.01
_ANSWER_WITHIN = 0.1
"""Seconds after which a cancel that has changed nothing is sent again."""


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
        gevent_wait_callback(connection, read_timeout)
    except psycopg2.Error:
        raise
    except BaseException as error:
        if tracked is not None:
            try:
                _give_up(tracked)
            finally:
                if tracked.lost is not None:
                    tracked.lost()
        if isinstance(error, TimeoutError):
            raise psycopg2.OperationalError(
                f"the server sent nothing for read_timeout={read_timeout:g} s"
            ) from None
        raise


def _give_up(connection: TrackedConnection) -> None:
    """The statement under way will not be waited for. psycopg2 is about to close the connection."""
    if connection.get_transaction_status() != TRANSACTION_STATUS_ACTIVE:
        return  # not even connected
    connection.farewell = os.dup(connection.fileno())
    if connection.cancel_timeout is not None:
        _cancel_until_answered(connection, connection.cancel_timeout)


def _cancel_until_answered(connection: TrackedConnection, seconds: float) -> None:
    """The server ignores a cancel that overtakes its statement: one that was sent a moment ago, and
    that a busy server has not read yet."""
    deadline = monotonic() + seconds
    while (left := deadline - monotonic()) > 0:
        cancel(connection, left)
        with suppress(OSError):  # TimeoutError among them
            wait_for(connection.fileno(), READ, min(deadline - monotonic(), _ANSWER_WITHIN))
            return


def farewell(connection: TrackedConnection, seconds: float) -> Callable[[], None] | None:
    """Close a connection at once; returns what waits until the server has ended the session.

    Until then the session counts at the server. The second end of the socket that this needs is
    made before psycopg2 closes its own.
    """
    if not connection.closed and connection.get_transaction_status() == TRANSACTION_STATUS_ACTIVE:
        # Somebody else waits for a statement on it and holds psycopg2's mutex: close() would block
        # on that, under gevent for ever.
        return lambda: _interrupt(connection, seconds)
    socket, connection.farewell = connection.farewell, None
    if socket is None and not connection.closed:
        socket = os.dup(connection.fileno())
    with suppress(psycopg2.Error):
        connection.close()
    if socket is None:
        return None
    return lambda: _wait_for_end(socket, seconds)


def _interrupt(connection: TrackedConnection, seconds: float) -> None:
    """Close a connection on which somebody else runs a statement, as soon as that has ended."""
    if connection.cancel_timeout is not None:
        cancel(connection, connection.cancel_timeout)
    deadline = monotonic() + seconds
    while not connection.closed and (
        connection.get_transaction_status() == TRANSACTION_STATUS_ACTIVE
    ):
        if monotonic() > deadline:
            # psycopg2 closes it when the wait fails.
            with suppress(OSError), _Socket(fileno=os.dup(connection.fileno())) as other_end:
                other_end.shutdown(SHUT_RDWR)
            return
        sleep(_LOOK_EVERY)
    if wait_for_end := farewell(connection, seconds):
        wait_for_end()


def _wait_for_end(socket: int, seconds: float) -> None:
    """Until the server closes the connection, at most so many seconds."""
    deadline = monotonic() + seconds
    try:
        with suppress(OSError):  # TimeoutError among them
            while True:
                wait_for(socket, READ, deadline - monotonic())
                if not os.read(socket, 65536):
                    return
    finally:
        os.close(socket)
