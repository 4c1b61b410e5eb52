"""Aliases in django.db.connections, made and removed by the tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from django_pgpool import Pool, get_pool

from .server import Server
from .waiting import eventually


class Alias:
    """One entry of DATABASES. Its sessions carry its name, so that the server can tell them."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name

    @property
    def wrapper(self) -> Any:
        """Django's DatabaseWrapper of the current greenlet."""
        return connections[self.name]

    @property
    def pool(self) -> Pool[Any]:
        return get_pool(self.name)

    @property
    def settings(self) -> dict[str, Any]:
        """The entry of DATABASES itself."""
        return connections.databases[self.name]

    def copy(self, *, options: dict[str, Any] | None = None, **settings: Any) -> Any:
        """A wrapper under the same alias with other settings, as Django's own tests make them."""
        merged = {**self.settings["OPTIONS"], **(options or {})}
        return type(self.wrapper)({**self.settings, **settings, "OPTIONS": merged}, self.name)

    def value(self, statement: str, *params: Any) -> Any:
        """The first value of a query; the connection stays with the current greenlet."""
        with self.wrapper.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchone()[0]

    def close(self) -> None:
        """What Django does at the end of a request."""
        self.wrapper.close()

    @contextmanager
    def request(self) -> Iterator[Any]:
        """The wrapper, closed at the end as Django does it."""
        try:
            yield self.wrapper
        finally:
            self.wrapper.close()

    def ask(self, statement: str, *params: Any) -> Any:
        """A request with one query."""
        with self.request():
            return self.value(statement, *params)

    def pid(self) -> int:
        return self.value("SELECT pg_backend_pid()")

    # ---- what the server sees

    @property
    def backends(self) -> int:
        return len(self.server.backends(self.name))

    @property
    def pids(self) -> set[int]:
        return self.server.pids(self.name)

    @property
    def states(self) -> list[str]:
        return self.server.states(self.name)


class Aliases:
    """Called with OPTIONS, makes an Alias; capitals are keys beside OPTIONS: ``USER="shop"``."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._names: list[str] = []

    def __call__(self, *, without: tuple[str, ...] = (), **arguments: Any) -> Alias:
        name = f"db_{secrets.token_hex(4)}"
        settings = {key: value for key, value in arguments.items() if key.isupper()}
        options = {key: value for key, value in arguments.items() if not key.isupper()}
        base = connections.databases["default"]
        options = {**base["OPTIONS"], "application_name": name, **options}
        for key in without:
            del options[key]
        connections.databases[name] = {**base, **settings, "OPTIONS": options}
        self._names.append(name)
        return Alias(self._server, name)

    def remove(self) -> None:
        """Close everything; the server must see that all sessions end."""
        for name in self._names:
            wrapper = connections[name]
            wrapper.close()
            wrapper.connection = None  # where a test has broken it
            wrapper.close_pool()
            del connections[name]
            del connections.databases[name]
        for name in self._names:
            eventually(
                lambda name=name: not self._server.backends(name),
                lambda name=name: f"sessions of {name} left: {self._server.backends(name)}",
            )
        self._names.clear()
