"""Cancelling a statement at the server without blocking the process.

``connection.cancel()`` of either driver holds the interpreter's lock while libpq connects, sends
and waits: behind a network that swallows packets nothing in the process would run any more, in
whatever thread it is called. So libpq is called directly: its non-blocking cancel requests where it
has them (17 and later, as in the binary packages), else the blocking ones, in a thread and with the
interpreter's lock released.
https://www.postgresql.org/docs/current/libpq-cancel.html
"""

from __future__ import annotations

import ctypes
from time import monotonic
from typing import Any

from gevent import Timeout
from gevent.threadpool import ThreadPool

from ..pool.runtime import gevent_has_patched
from .libpq import INT, POINTER, TEXT, libpq
from .sockets import READ, WRITE, wait_for

_NON_BLOCKING: dict[str, tuple[Any, list[Any]]] = {
    "PQcancelCreate": (POINTER, [POINTER]),
    "PQcancelStart": (INT, [POINTER]),
    "PQcancelPoll": (INT, [POINTER]),
    "PQcancelSocket": (INT, [POINTER]),
    "PQcancelFinish": (None, [POINTER]),
}
_BLOCKING: dict[str, tuple[Any, list[Any]]] = {
    "PQgetCancel": (POINTER, [POINTER]),
    "PQcancel": (INT, [POINTER, TEXT, INT]),
    "PQfreeCancel": (None, [POINTER]),
}
_POLLING = {1: READ, 2: WRITE}
"""PGRES_POLLING_READING and _WRITING; everything else is the end, good or bad."""
_THREADS = 4
"""For blocking cancels: not gevent's own thread pool, which resolves names for everybody."""


_non_blocking = libpq(_NON_BLOCKING)
_blocking = libpq(_BLOCKING)
_threads: list[ThreadPool] = []


def cancel(connection: Any, seconds: float, *, alone: bool = False) -> None:
    """Ask the server to end what the connection runs. Returns when it has got the request, or after
    so many seconds. Does not touch the driver's own lock on the connection. ``alone``: no other
    greenlet runs meanwhile."""
    if _non_blocking is not None:
        _cancel_by_polling(_non_blocking, connection, seconds, alone)
    elif _blocking is not None:
        _cancel_in_thread(_blocking, connection, seconds)


def _cancel_by_polling(library: Any, connection: Any, seconds: float, alone: bool) -> None:
    deadline = monotonic() + seconds
    request = library.PQcancelCreate(connection.pgconn_ptr)
    try:
        event = WRITE if request and library.PQcancelStart(request) else None
        while event is not None:
            left = deadline - monotonic()
            wait_for(library.PQcancelSocket(request), event, left, alone=alone)
            event = _POLLING.get(library.PQcancelPoll(request))
    except OSError:  # TimeoutError among them
        pass
    finally:
        library.PQcancelFinish(request)


def _cancel_in_thread(library: Any, connection: Any, seconds: float) -> None:
    request = library.PQgetCancel(connection.pgconn_ptr)
    if not request:
        return

    def send() -> None:
        try:
            library.PQcancel(request, ctypes.create_string_buffer(256), 256)
        finally:
            library.PQfreeCancel(request)

    if not gevent_has_patched():
        send()
        return
    with Timeout(seconds, False):  # type: ignore[arg-type]
        _thread_pool().apply(send)


def _thread_pool() -> ThreadPool:
    if not _threads:
        _threads.append(ThreadPool(_THREADS))
    return _threads[0]
