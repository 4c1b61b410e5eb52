"""Which PostgreSQL the tests of a label run on.

DATABASE_URL's if that is set, else the embedded one; labels that need more than it has get the one
that is installed, where there is one.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, suppress
from typing import Any, Self

import psycopg2
from psycopg2 import sql

from loadtests.postgres import ThrowAwayPostgres, database_params, django_database

from .installed import InstalledPostgres, installed_programs

ALIASES = ("default", "other")
CONTRIB = {
    "db_functions": {"pgcrypto"},
    "postgres_tests": {
        *("bloom", "btree_gin", "btree_gist", "citext", "hstore", "pg_trgm", "pgcrypto"),
        "unaccent",
    },
    "gis_tests": {"postgis", "postgis_raster"},
}
"""The extensions without which the tests of a label cannot begin."""
BETTER_INSTALLED = {"introspection", "migrations", "schema"}
"""Labels some of whose tests fail, for every engine, on the embedded server: it has no ICU
collations, and is too new for Django 5.2."""


class Server:
    """A running server, and the databases that the tests make on it."""

    def __init__(self, kind: str, params: dict[str, Any], url: str) -> None:
        self._params, self._url = params, url
        self._names = {alias: f"pgpool_suite_{secrets.token_hex(4)}" for alias in ALIASES}
        version = str(self._execute("SHOW server_version")[0][0]).split()[0]
        self.name = f"PostgreSQL {version} ({kind})"

    def databases(self, engine: str) -> dict[str, Any]:
        """DATABASES for Django's tests."""
        entry = django_database(self._url, engine)
        return {alias: {**entry, "TEST": {"NAME": name}} for alias, name in self._names.items()}

    def lacks(self, label: str) -> set[str]:
        """Extensions that this label needs and that are not there."""
        rows = self._execute("SELECT name FROM pg_available_extensions")
        return CONTRIB.get(app_of(label), set()) - {name for (name,) in rows}

    def sweep(self) -> None:
        """Drop what tests that were killed have left."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        for name in self._names.values():
            with suppress(psycopg2.Error):
                self._execute(drop.format(sql.Identifier(name)))

    def _execute(self, statement: str | sql.Composed) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(**{"connect_timeout": 5, **self._params})
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


class Servers:
    """Starts the servers that are asked for. At the end of the ``with`` block they are gone."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[str, Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def for_label(self, label: str) -> Server:
        """The server for a label; whether that has all it needs is for the caller to ask."""
        if os.environ.get("DATABASE_URL"):
            kind = "DATABASE_URL"
        elif app_of(label) in BETTER_INSTALLED.union(CONTRIB) and installed_programs():
            kind = "installed"
        else:
            kind = "embedded"
        if kind not in self._running:
            self._running[kind] = self._start(kind)
        return self._running[kind]

    def _start(self, kind: str) -> Server:
        if kind == "DATABASE_URL":
            url = os.environ["DATABASE_URL"]
            server = Server(kind, database_params(url), url)
            self._stack.callback(server.sweep)
            return server
        programs = installed_programs() if kind == "installed" else None
        made = InstalledPostgres(programs) if programs else ThrowAwayPostgres()
        running = self._stack.enter_context(made)
        return Server(kind, running.params, running.url)


def app_of(label: str) -> str:
    """The directory of Django's tests that a label lies in."""
    return label.split(".", maxsplit=1)[0]
