"""The PostgreSQL server that a run uses, and the schema of its own in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812

from .errors import LoadTestError
from .postgres import ThrowAwayPostgres, database_params, django_database

CONNECT_TIMEOUT = 5
"""Seconds."""
SPARE_CONNECTIONS = 15
"""For this program, and those PostgreSQL keeps back for superusers and its own workers."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where the site keeps its tables. ``name`` is that of the schema, and what the site's
    connections call themselves, so that the server can tell them from others."""

    url: str
    name: str
    server: str
    """Version of the server."""
    embedded: bool

    def django(self, engine: str, **options: Any) -> dict[str, Any]:
        """The DATABASES entry of the site."""
        return django_database(
            self.url,
            engine,
            options=f"-c search_path={self.name}",
            application_name=self.name,
            **options,
        )

    def connections(self, monitor: Connection) -> int:
        """How many connections of the site the server itself counts, asked through ``monitor``."""
        with monitor.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [self.name]
            )
            ((count,),) = cursor.fetchall()
        return int(count)


@contextmanager
def embedded(maxsize: int) -> Iterator[Database]:
    """A throw-away server with room for a pool of ``maxsize``. Raises LoadTestError."""
    with (
        ThrowAwayPostgres({"max_connections": maxsize + SPARE_CONNECTIONS}) as server,
        own_schema(server.url, embedded=True) as database,
    ):
        yield database


@contextmanager
def own_schema(url: str, *, embedded: bool = False) -> Iterator[Database]:
    """A new schema on the server of ``url``, removed at the end with all that is in it.

    Raises LoadTestError if the server cannot be reached or does not let us.
    """
    name = f"pgpool_loadtest_{secrets.token_hex(4)}"
    with _errors("creating a schema in"), connect(url) as monitor, monitor.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        version = monitor.info.parameter_status("server_version") or "unknown"
    monitor.close()
    try:
        yield Database(url, name, version, embedded)
    finally:
        with _errors(f"removing the schema {name} from"):
            _remove(url, name)


def _remove(url: str, name: str) -> None:
    """Waits for what may still run in the schema, but not for ever."""
    drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name))
    with connect(url) as monitor, monitor.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
        cursor.execute(drop)
    monitor.close()


def connect(url: str) -> Connection:
    """A connection that the pool knows nothing of. Raises LoadTestError."""
    params = {"connect_timeout": CONNECT_TIMEOUT, **database_params(url)}
    with _errors("connecting to"):
        connection: Connection = psycopg2.connect(**params)
    return connection


def describe(url: str) -> str:
    """The server of a DATABASE_URL in words, without the password."""
    params = database_params(url)
    host, port = params.get("host", "the local socket"), params.get("port", "5432")
    return f"database {params.get('dbname', '')!r} on {host}:{port} as {params.get('user', '')!r}"


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LoadTestError(
            f"{doing} the server failed: {reason} (mend DATABASE_URL, or unset it to use an "
            "embedded server)"
        ) from error
