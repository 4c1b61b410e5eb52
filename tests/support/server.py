"""The PostgreSQL server of a test run, seen through a connection that no pool knows of."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn

from loadtests.postgres import ThrowAwayPostgres, database_params
from tests.django_suite.installed import InstalledPostgres

from .waiting import eventually

URL_VARIABLE = "PGPOOL_TEST_DSN"
"""Tells the settings, here and in child processes, which database the tests use."""
VERSION_VARIABLE = "PGPOOL_TEST_POSTGRESQL"
"""The major version of an installed PostgreSQL to use instead of the embedded one."""


class Server:
    """The database of this test run. Whatever is made through this is removed at the end."""

    def __init__(self, params: dict[str, Any], *, embedded: bool) -> None:
        self.embedded = embedded
        self._admin = _connect(params)
        self._made: list[tuple[str, str]] = []
        self.name = self.make_database()
        self.params = {**params, "dbname": self.name}
        self._monitor = _connect(self.params)

    @property
    def dsn(self) -> str:
        return make_dsn(**self.params)

    def execute(self, statement: str | sql.Composed, *params: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the database of the tests, and return its rows."""
        with self._monitor.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def backends(self, name: str) -> list[tuple[Any, ...]]:
        """(pid, state) of the sessions that call themselves so, as the server sees them."""
        return self.execute(
            "SELECT pid, state FROM pg_stat_activity WHERE application_name = %s ORDER BY pid", name
        )

    def pids(self, name: str) -> set[int]:
        return {pid for pid, _ in self.backends(name)}

    def states(self, name: str) -> list[str]:
        return sorted(state or "" for _, state in self.backends(name))

    @property
    def own(self) -> frozenset[int]:
        """The sessions of this object."""
        return frozenset(one.info.backend_pid for one in (self._admin, self._monitor))

    def clients(self) -> set[int]:
        """All sessions of clients, in whatever database."""
        rows = self.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        return {pid for (pid,) in rows}

    def last_message(self, pid: int) -> Any:
        """Changes with every message that the client sends which makes the server do something."""
        ((moment,),) = self.execute(
            "SELECT (query_start, state_change, query)::text FROM pg_stat_activity WHERE pid = %s",
            pid,
        )
        return moment

    def terminate(self, *pids: int) -> None:
        """End these sessions as an administrator does, and wait until they are gone."""
        if not pids:
            return  # the server would not know what an empty list is of
        self.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", list(pids))
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))"
        eventually(lambda: self.execute(gone, list(pids)) == [(True,)], "backends still there")

    # ---- databases and roles of our own

    def make_database(self) -> str:
        name = _fresh_name()
        self._administer("CREATE DATABASE {}", name)
        self._made.append(("DATABASE", name))
        return name

    def make_role(self, attributes: str = "LOGIN") -> str:
        """A role that is member of nothing. Skips the test where this is not ours to do."""
        name = _fresh_name()
        try:
            self._administer(f"CREATE ROLE {{}} {attributes}", name)
        except psycopg2.errors.InsufficientPrivilege:
            pytest.skip("DATABASE_URL's role may not create roles")
        self._made.append(("ROLE", name))
        return name

    def has_database(self, name: str) -> bool:
        return bool(self.execute("SELECT 1 FROM pg_database WHERE datname = %s", name))

    def drop_database(self, name: str) -> None:
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _administer(self, statement: str, name: str) -> None:
        with self._admin.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))

    @contextmanager
    def asking_for_passwords(self, role: str) -> Iterator[None]:
        """The embedded server trusts everybody; for this role it shall ask."""
        if not self.embedded:
            yield
            return
        path = Path(self.execute("SHOW hba_file")[0][0])
        before = path.read_text()
        path.write_text(f'local all "{role}" scram-sha-256\n{before}')
        self.execute("SELECT pg_reload_conf()")
        try:
            eventually(lambda: self.checks_passwords(role), "not asked for a password")
            yield
        finally:
            path.write_text(before)
            self.execute("SELECT pg_reload_conf()")

    def checks_passwords(self, role: str) -> bool:
        """Whether the server refuses a wrong password of this role."""
        try:
            _connect({**self.params, "user": role, "password": "wrong"}).close()
        except psycopg2.OperationalError:
            return True
        return False

    def close(self) -> None:
        self._monitor.close()
        try:
            for kind, name in sorted(self._made):  # databases before roles
                force = " WITH (FORCE)" if kind == "DATABASE" else ""
                self._administer(f"DROP {kind} IF EXISTS {{}}{force}", name)
        finally:
            self._admin.close()


@contextmanager
def running_server() -> Iterator[Server]:
    """DATABASE_URL's server, or else a throw-away one, of the version that is asked for."""
    url = os.environ.get("DATABASE_URL")
    if url:
        server = Server(database_params(url), embedded=False)
        try:
            yield server
        finally:
            server.close()
    else:
        with _throw_away({"max_connections": 100}) as embedded:
            server = Server(embedded.params, embedded=True)
            try:
                yield server
            finally:
                server.close()


def _throw_away(settings: dict[str, Any]) -> ThrowAwayPostgres:
    version = os.environ.get(VERSION_VARIABLE)
    if not version:
        return ThrowAwayPostgres(settings)
    programs = Path(f"/usr/lib/postgresql/{version}/bin")
    assert programs.is_dir(), f"{VERSION_VARIABLE}={version}: there is no {programs}"
    return InstalledPostgres(programs, settings)


def _connect(params: dict[str, Any]) -> Any:
    connection = psycopg2.connect(**{"connect_timeout": 5, **params})
    connection.autocommit = True
    return connection


def _fresh_name() -> str:
    return f"pgpool_test_{secrets.token_hex(4)}"
