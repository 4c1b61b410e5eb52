"""Counts the site's connections at the server itself, from outside the site."""

from __future__ import annotations

from typing import Self

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from .connecting import CONNECT_TIMEOUT
from .database import Database
from .postgres import database_params

_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
_BEGUN = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"


class Monitor:
    """A connection to each server of ``database``, made anew where the server was away, for the
    length of a ``with`` block."""

    def __init__(self, database: Database) -> None:
        self._name = database.name
        self._connections: dict[str, Connection | None] = dict.fromkeys(database.urls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for connection in self._connections.values():
            if connection is not None:
                connection.close()

    def count(self) -> int | None:
        """Connections of the site on all servers together; None where none of them answers."""
        counts = [self._ask(url, _COUNT, self._name) for url in self._connections]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    def sessions(self) -> int | None:
        """Sessions begun so far in the database, by anybody;
        None where a server does not answer: what it has counted is missing then."""
        counts = [self._ask(url, _BEGUN) for url in self._connections]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def _ask(self, url: str, query: str, *values: str) -> int | None:
        try:
            connection = self._connections[url] or self._connect(url)
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                ((number,),) = cursor.fetchall()
                return int(number)
        except psycopg2.Error:
            self._connections[url] = None
            return None

    def _connect(self, url: str) -> Connection:
        params = {"connect_timeout": CONNECT_TIMEOUT, **database_params(url)}
        connection: Connection = psycopg2.connect(**params)
        connection.autocommit = True
        self._connections[url] = connection
        return connection
