"""A connection of psycopg, opened step by step."""

from __future__ import annotations

from typing import Any

from psycopg import OperationalError, pq
from psycopg.conninfo import make_conninfo

from .libpq import POINTER, TEXT, libpq

_NOT_LIBPQS = ("context", "cursor_factory", "prepare_threshold", "row_factory")
_READ, _WRITE = 1, 2
_attribute = libpq({"PQsslAttribute": (TEXT, [POINTER, TEXT])})


class Attempt:
    """``poll()`` after the beginning, and after each wait for what it says."""

    def __init__(self, params: dict[str, Any]) -> None:
        given = {name: value for name, value in params.items() if name not in _NOT_LIBPQS}
        self._pgconn: Any = pq.PGconn.connect_start(make_conninfo(**given).encode())
        self._is_open = False
        self._check(self._pgconn.status != pq.ConnStatus.BAD)

    def poll(self) -> int:
        """0: done; 1 or 2: waits for the socket to be readable or writable."""
        if self._is_open:
            return self._poll_result()
        event = self._pgconn.connect_poll()
        self._check(event != pq.PollingStatus.FAILED)
        self._is_open = event == pq.PollingStatus.OK
        return 0 if self._is_open else int(event)

    def _poll_result(self) -> int:
        flushing = self._pgconn.flush()
        self._pgconn.consume_input()
        if self._pgconn.is_busy():
            return _WRITE if flushing else _READ
        while result := self._pgconn.get_result():
            self._check(result.status == pq.ExecStatus.TUPLES_OK)
        return 0

    def _check(self, is_well: bool) -> None:
        if not is_well:
            raise OperationalError(self._pgconn.error_message.decode("utf-8", "replace"))

    @property
    def status(self) -> int:
        """PQstatus()"""
        return int(self._pgconn.status)

    @property
    def encryption(self) -> str | None:
        """TLSv1.3 or the like; None: there is none."""
        if not self._pgconn.ssl_in_use or _attribute is None:
            return None
        return str(_attribute.PQsslAttribute(self._pgconn.pgconn_ptr, b"protocol").decode())

    def fileno(self) -> int:
        return int(self._pgconn.socket)

    def send(self, statement: str) -> None:
        """Then poll()."""
        self._pgconn.nonblocking = 1
        self._pgconn.send_query(statement.encode())

    def close(self) -> None:
        self._pgconn.finish()
