"""The PostgreSQL server that a run uses, and the schema of its own in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812

from .engines import Engine
from .errors import LoadTestError
from .postgres import ThrowAwayPostgres, database_params
from .replica import PRIMARY, Standby, commit_on_both

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
    servers: tuple[ThrowAwayPostgres, ...] = ()
    """Those that are ours: the primary, and the standby where there is one."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the site's DATABASES entry has instead of what ``url`` says, for instance HOST."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Likewise, of its OPTIONS; None: it has no such option."""

    @property
    def embedded(self) -> bool:
        """The server is ours."""
        return bool(self.servers)

    @property
    def urls(self) -> list[str]:
        """Of every server where connections of the site can be."""
        return [server.url for server in self.servers] or [self.url]

    def django(self, engine: Engine, **options: Any) -> dict[str, Any]:
        """The DATABASES entry of the site with ``engine``, and with further OPTIONS."""
        ours: dict[str, Any] = {
            "options": f"-c search_path={self.name}",
            "application_name": self.name,
        }
        ours = {**ours, **self.options}
        there = {name: value for name, value in ours.items() if value is not None}
        entry = engine.database(self.url, **there, **options)
        return {**entry, **self.settings}


@contextmanager
def embedded(connections: int, **settings: str) -> Iterator[Database]:
    """A throw-away server with room for so many ``connections``, and with further ``settings``.
    Raises LoadTestError."""
    room = {"max_connections": connections + SPARE_CONNECTIONS}
    with ThrowAwayPostgres({**room, **settings}) as server:
        yield Database(server.url, *_new_schema(server.url), (server,))


@contextmanager
def with_standby(connections: int) -> Iterator[Database]:
    """Two of them: what is committed on the first is on the second. Raises LoadTestError."""
    settings = {**PRIMARY, "max_connections": connections + SPARE_CONNECTIONS}
    with ThrowAwayPostgres(settings) as primary, Standby(primary, settings) as standby:
        commit_on_both(primary)
        both = (primary, standby)
        where = {
            name: ",".join(str(server.params[name.lower()]) for server in both)
            for name in ("HOST", "PORT")
        }
        yield Database(
            primary.url,
            *_new_schema(primary.url),
            both,
            where,
            {"target_session_attrs": "read-write"},
        )


@contextmanager
def own_schema(url: str) -> Iterator[Database]:
    """A new schema on the server of ``url``, removed at the end with all that is in it.

    Raises LoadTestError if the server cannot be reached or does not let us.
    """
    name, version = _new_schema(url)
    try:
        yield Database(url, name, version)
    finally:
        with _errors(f"removing the schema {name} from"):
            _remove(url, name)


def _new_schema(url: str) -> tuple[str, str]:
    """Its name, and the version of the server."""
    name = f"pgpool_loadtest_{secrets.token_hex(4)}"
    with _errors("creating a schema in"), connect(url) as monitor, monitor.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        version = monitor.info.parameter_status("server_version") or "unknown"
    monitor.close()
    return name, version


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
