"""A TCP proxy in front of a server, which can turn into a black hole, and what falls into it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import gevent
from gevent.event import Event
from support.aliases import Alias
from support.waiting import eventually

LOCALHOST = "127.0.0.1"
WAIT = "SELECT pg_advisory_xact_lock_shared(1) IS NULL"
"""A statement that ends when all of ``fallen()`` have fallen."""

Target = int | str | tuple[str, int]


class Proxy:
    """Listens on ``port`` of this machine for the length of a ``with`` block.

    ``swallow()``: from now on every socket stays open, connections are still taken, and nothing is
    forwarded in either direction. ``forward()``: what was held back goes on.
    ``target`` (a port, or host and port, or the path of a unix socket) may be changed: new
    connections lead there.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._open = Event()
        self._open.set()
        self._greenlets: list[gevent.Greenlet] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOCALHOST, 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]
        self._greenlets.append(gevent.spawn(self._accept))
        return self

    def __exit__(self, *exception: object) -> None:
        gevent.killall(self._greenlets)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def swallow(self) -> None:
        self._open.clear()

    def forward(self) -> None:
        self._open.set()

    @property
    def params(self) -> dict[str, Any]:
        """Settings of an alias that goes through it."""
        return {"HOST": LOCALHOST, "PORT": str(self.port)}

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self._sockets.append(client)
            self._greenlets.append(gevent.spawn(self._serve, client))

    def _serve(self, client: socket.socket) -> None:
        self._open.wait()
        try:
            server = _connect(self.target)
        except OSError:
            client.close()
            return
        self._sockets.append(server)
        there = gevent.spawn(self._pass_on, client, server)
        self._greenlets.append(there)
        self._pass_on(server, client)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        self._open.wait()  # an end is swallowed, too
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _connect(target: Target) -> socket.socket:
    if isinstance(target, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(target)
        return connection
    return socket.create_connection((LOCALHOST, target) if isinstance(target, int) else target)


def fallen(alias: Alias, proxy: Proxy, *works: Callable[[], Any]) -> list[gevent.Greenlet]:
    """Greenlets that run WAIT: it is under way in all of them when the network begins to swallow,
    and then ends at the server."""
    alias.server.execute("SELECT pg_advisory_lock(1)")
    greenlets = [gevent.spawn(work) for work in works]
    try:
        eventually(lambda: alias.states.count("active") == len(works))
        proxy.swallow()
    except BaseException:
        gevent.killall(greenlets, block=False)
        raise
    finally:
        alias.server.execute("SELECT pg_advisory_unlock(1)")
    eventually(lambda: "active" not in alias.states)
    return greenlets
