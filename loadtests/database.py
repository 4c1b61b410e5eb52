"""The PostgreSQL server that a run uses, and the schema of its own in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .engines import Engine
from .postgres import ThrowAwayPostgres
from .replica import PRIMARY, Standby, commit_on_both
from .schema import OwnSchema, create

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
        yield Database(server.url, *create(server.url), (server,))


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
            *create(primary.url),
            both,
            where,
            {"target_session_attrs": "read-write"},
        )


@contextmanager
def own_schema(url: str) -> Iterator[Database]:
    """A new schema on the server of ``url``, removed at the end with all that is in it, also where
    this process is killed.

    Raises LoadTestError if the server cannot be reached or does not let us.
    """
    with OwnSchema(url) as schema:
        yield Database(url, schema.name, schema.server)
