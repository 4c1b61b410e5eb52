"""Hosts that are no PostgreSQL server, though something listens there."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

import gevent

LOCALHOST = "127.0.0.1"


@contextmanager
def black_hole(host: str = LOCALHOST, port: int = 0) -> Iterator[int]:
    """A port that takes connections and never says a word, as a dead machine does."""
    with closing(socket.socket()) as listener:
        listener.bind((host, port))
        listener.listen(100)
        yield listener.getsockname()[1]


@contextmanager
def refusing(sqlstate: str, message: str) -> Iterator[int]:
    """A port where everybody gets this error for an answer."""
    fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": message}
    body = b"".join(f"{key}{text}\0".encode() for key, text in fields.items()) + b"\0"
    answer = b"E" + struct.pack("!i", len(body) + 4) + body

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            with client:
                while len(client.recv(1024)) in (8, 16):  # asks for encryption, or cancels
                    client.sendall(b"N")
                client.sendall(answer)

    with closing(socket.create_server((LOCALHOST, 0))) as listener:
        server = gevent.spawn(serve)
        yield listener.getsockname()[1]
        server.kill()
