"""A connection of psycopg2, opened step by step."""

from __future__ import annotations

from typing import Any

import psycopg2


class Attempt:
    """``poll()`` after the beginning, and after each wait for what it says."""

    def __init__(self, params: dict[str, Any]) -> None:
        given = {name: value for name, value in params.items() if not name.endswith("_factory")}
        self._connection: Any = psycopg2.connect(**given, async_=1)

    def poll(self) -> int:
        """0: done; 1 or 2: waits for the socket to be readable or writable."""
        return int(self._connection.poll())

    @property
    def status(self) -> int:
        """PQstatus()"""
        return int(self._connection.info.status)

    @property
    def encryption(self) -> str | None:
        """TLSv1.3 or the like; None: there is none."""
        info = self._connection.info
        return str(info.ssl_attribute("protocol")) if info.ssl_in_use else None

    def fileno(self) -> int:
        return int(self._connection.fileno())

    def send(self, statement: str) -> None:
        """Then poll()."""
        self._cursor = self._connection.cursor()  # which has to be there when the answer comes
        self._cursor.execute(statement)

    def close(self) -> None:
        self._connection.close()
