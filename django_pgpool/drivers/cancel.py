"""Cancelling a statement at the server without blocking the process.

psycopg2's ``connection.cancel()`` holds the interpreter's lock while libpq connects, sends and
waits: behind a network that swallows packets nothing in the process would run any more, in whatever
thread it is called. So libpq is called directly: its non-blocking cancel requests where it has them
(17 and later, as in psycopg2-binary), else the blocking ones, in a thread and with the
interpreter's lock released.
https://www.postgresql.org/docs/current/libpq-cancel.html
"""

from __future__ import annotations

import ctypes
from time import monotonic
from typing import Any

import psycopg2
from gevent import Timeout
from gevent.threadpool import ThreadPool

from ..pool.runtime import gevent_has_patched
from .session import TrackedConnection
from .sockets import READ, WRITE, wait_for

_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
_NON_BLOCKING: dict[str, tuple[Any, list[Any]]] = {
    "PQcancelCreate": (_POINTER, [_POINTER]),
    "PQcancelStart": (_INT, [_POINTER]),
    "PQcancelPoll": (_INT, [_POINTER]),
    "PQcancelSocket": (_INT, [_POINTER]),
    "PQcancelFinish": (None, [_POINTER]),
}
_BLOCKING: dict[str, tuple[Any, list[Any]]] = {
    "PQgetCancel": (_POINTER, [_POINTER]),
    "PQcancel": (_INT, [_POINTER, ctypes.c_char_p, _INT]),
    "PQfreeCancel": (None, [_POINTER]),
}
_POLLING = {1: READ, 2: WRITE}
"""PGRES_POLLING_READING and _WRITING; everything else is the end, good or bad."""
_THREADS = 4
"""For blocking cancels: not gevent's own thread pool, which resolves names for everybody."""


def _libpq(functions: dict[str, tuple[Any, list[Any]]]) -> ctypes.CDLL | None:
    """The libpq that psycopg2 itself uses; None where it lacks one of the functions."""
    library = ctypes.CDLL(psycopg2._psycopg.__file__)
    try:
        for name, (result, arguments) in functions.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError:
        return None
    return library


_non_blocking = _libpq(_NON_BLOCKING)
_blocking = _libpq(_BLOCKING)
_threads: list[ThreadPool] = []


def cancel(connection: TrackedConnection, seconds: float, *, alone: bool = False) -> None:
    """Ask the server to end what the connection runs. Returns when it has got the request, or after
    so many seconds. Does not touch psycopg2's own lock on the connection. ``alone``: no other
    greenlet runs meanwhile."""
    if _non_blocking is not None:
        _cancel_by_polling(_non_blocking, connection, seconds, alone)
    elif _blocking is not None:
        _cancel_in_thread(_blocking, connection, seconds)


def _cancel_by_polling(
    libpq: Any, connection: TrackedConnection, seconds: float, alone: bool
) -> None:
    deadline = monotonic() + seconds
    request = libpq.PQcancelCreate(connection.pgconn_ptr)
    try:
        event = WRITE if request and libpq.PQcancelStart(request) else None
        while event is not None:
            left = deadline - monotonic()
            wait_for(libpq.PQcancelSocket(request), event, left, alone=alone)
            event = _POLLING.get(libpq.PQcancelPoll(request))
    except OSError:  # TimeoutError among them
        pass
    finally:
        libpq.PQcancelFinish(request)


def _cancel_in_thread(libpq: Any, connection: TrackedConnection, seconds: float) -> None:
    request = libpq.PQgetCancel(connection.pgconn_ptr)
    if not request:
        return

    def send() -> None:
        try:
            libpq.PQcancel(request, ctypes.create_string_buffer(256), 256)
        finally:
            libpq.PQfreeCancel(request)

    if not gevent_has_patched():
        send()
        return
    with Timeout(seconds, False):  # type: ignore[arg-type]
        _thread_pool().apply(send)


def _thread_pool() -> ThreadPool:
    if not _threads:
        _threads.append(ThreadPool(_THREADS))
    return _threads[0]
