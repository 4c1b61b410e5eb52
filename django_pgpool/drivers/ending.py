"""How a connection ends, of either driver, with and without its server's consent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from socket import SHUT_RDWR, SHUT_WR
from time import monotonic, sleep
from typing import Any

from .cancel import cancel
from .dbapi import ACTIVE, Error
from .lent import every
from .sockets import READ, UnpatchedSocket, wait_for

FAREWELL = 1.0
"""Seconds to wait for the server to end a session that was closed: so long it counts."""

_LOOK_EVERY = 0.01
_ANSWER_WITHIN = 0.1
"""Seconds after which a cancel that has changed nothing is sent again."""
_SILENT = 3
"""Cancels without an answer, after which the server is told that nothing more will come. Not after
the first: PgBouncer then forgets whom another cancel is meant for."""


def give_up(connection: Any) -> None:
    """The statement under way will not be waited for: cancel it at the server. The connection is
    about to be closed."""
    if connection.abandoned or connection.get_transaction_status() != ACTIVE:
        return  # the parent process's, or not even connected
    connection.farewell = _second_end(connection)
    if connection.cancel_timeout is not None:
        _cancel_until_answered(connection, connection.cancel_timeout)


def _cancel_until_answered(connection: Any, seconds: float) -> None:
    """The server ignores a cancel that overtakes its statement: one that was sent a moment ago, and
    that a busy server has not read yet. And it ignores all while it waits for the rest of a long
    message, or, after an error, for the end of a pipeline."""
    deadline = monotonic() + seconds
    for sent in count():
        left = deadline - monotonic()
        if left <= 0:
            return
        if sent == _SILENT:
            _shut(connection.fileno(), SHUT_WR)
        cancel(connection, left)
        with suppress(OSError):  # TimeoutError among them
            wait_for(connection.fileno(), READ, min(deadline - monotonic(), _ANSWER_WITHIN))
            return


def farewell(connection: Any, seconds: float) -> Callable[[], None] | None:
    """Close a connection at once; returns what waits until the server has ended the session.

    Until then the session counts at the server. The second end of the socket that this needs is
    made before the driver closes its own.
    """
    if not connection.closed and connection.get_transaction_status() == ACTIVE:
        # As a rule somebody else waits for a statement on it. psycopg2 guards that with a mutex, on
        # which close() would block, under gevent for ever.
        return lambda: _interrupt(connection, seconds)
    return _close(connection, seconds)


def _close(connection: Any, seconds: float) -> Callable[[], None] | None:
    socket, connection.farewell = connection.farewell, None
    if socket is None and not connection.closed:
        socket = _second_end(connection)
    with suppress(Error):
        connection.close()
    if socket is None:
        return None
    return lambda: _wait_for_end(socket, seconds)


def _second_end(connection: Any) -> int | None:
    """Of its socket. None where the process has no descriptor left: then the server's end of the
    session is not waited for."""
    with suppress(OSError):
        return os.dup(connection.fileno())
    return None


def _interrupt(connection: Any, seconds: float) -> None:
    """Close a connection on which somebody else runs a statement, as soon as that has ended."""
    if connection.cancel_timeout is not None:
        cancel(connection, connection.cancel_timeout)
    deadline = monotonic() + seconds
    while not connection.closed and connection.is_waited_for():
        if monotonic() > deadline:
            # The driver closes it when the wait fails.
            hang_up(connection)
            return
        sleep(_LOOK_EVERY)
    if wait_for_end := _close(connection, seconds):
        wait_for_end()


def hang_up(connection: Any) -> None:
    """Have a wait for the server fail, whoever is in it."""
    _shut(connection.fileno(), SHUT_RDWR)


def _shut(descriptor: int, how: int) -> None:
    with suppress(OSError):
        socket = UnpatchedSocket(fileno=descriptor)
        try:
            socket.shutdown(how)
        finally:
            socket.detach()  # it is somebody else's to close


def _wait_for_end(socket: int, seconds: float) -> None:
    """Until the server closes the connection, at most so many seconds."""
    deadline = monotonic() + seconds
    _shut(socket, SHUT_WR)  # where the driver could not send that this is the end
    try:
        with suppress(OSError):  # TimeoutError among them
            while True:
                wait_for(socket, READ, deadline - monotonic())
                if not os.read(socket, 65536):
                    return
    finally:
        os.close(socket)


def end(connections: Iterable[Any]) -> None:
    """At the interpreter's exit, for what is still in use: nobody will give it back any more.

    Those without a statement are closed; the statements of the others are cancelled, all of them
    within the time of one cancel. Their connections end with the process.
    """
    deadline = monotonic() + FAREWELL / 2
    for connection in connections:
        if connection.closed or connection.abandoned:
            continue
        if connection.get_transaction_status() == ACTIVE:
            cancel(connection, deadline - monotonic(), alone=True)
        else:
            with suppress(Error):
                connection.close()


def abandon_all() -> list[Any]:
    """In a forked child: let go of the parent's sockets without a word to the server. Returns the
    connections, which must not be freed.

    Those that are just being opened are among them: the greenlets that do so live on in the child,
    and would take the server's answers away from the parent's.
    """
    connections = list(every.values())
    every.clear()
    for connection in connections:
        connection.abandoned = True
        with suppress(Exception):  # it is closed, or has no socket yet
            _put_null_at(connection.fileno())
    return connections


def _put_null_at(descriptor: int) -> None:
    """Its number stays taken, by /dev/null: a connection object that somebody still holds must not
    come to speak into a file or socket opened later."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, descriptor)
    finally:
        os.close(null)
