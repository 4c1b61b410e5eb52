"""The pytest process runs under gevent, patched before anything of Django is imported.

The PostgreSQL server and the database are made when the first test asks for them.
"""
# ruff: noqa: E402  the patching and the path come first

from gevent import monkey

monkey.patch_all()

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

TESTS = Path(__file__).parent
sys.path[:0] = [path for path in (str(TESTS), str(TESTS.parent)) if path not in sys.path]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django
from support.driver import IS_PSYCOPG3, database  # before Django looks which driver there is

if IS_PSYCOPG3:
    collect_ignore = ["pool", "loadtests"]  # know no driver; have sites that are about psycopg2
django.setup()

import gevent
import settings
import structlog
from django.db import Error, connections
from support.aliases import Alias, Aliases
from support.server import URL_VARIABLE, Server, running_server

from django_pgpool.drivers import ending


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server, with a database of our own in it that has the tables of ``shop``."""
    from shop.models import Item

    with running_server() as server:
        os.environ[URL_VARIABLE] = server.dsn
        connections.databases["default"].update(settings.database(server.dsn))
        default = connections["default"]
        with default.schema_editor() as editor:
            editor.create_model(Item)
        default.close()
        default.close_pool()
        yield server


@pytest.fixture(autouse=True)
def hub_errors() -> Iterator[list[BaseException]]:
    """What was raised in callbacks of the main thread's hub, and in its greenlets: gevent prints
    it, and nobody may ever look. A test takes out what it means. The database's errors are for
    those who join."""
    errors: list[BaseException] = []
    hub = gevent.get_hub()
    handle_error = hub.handle_error

    def note(context: Any, kind: type[BaseException], error: BaseException, where: Any) -> None:
        if not issubclass(kind, (*hub.NOT_ERROR, Error, database.Error)):
            errors.append(error)
        handle_error(context, kind, error, where)

    with patch.object(hub, "handle_error", note):
        yield errors
    assert errors == []


@pytest.fixture
def make_alias(server: Server) -> Iterator[Aliases]:
    """``make_alias(maxsize=1)`` is an Alias of its own; at the end the server must see all of its
    sessions end."""
    aliases = Aliases(server)
    try:
        yield aliases
    finally:
        aliases.remove()
        server.execute("TRUNCATE shop_item")


@pytest.fixture
def alias(make_alias: Aliases) -> Alias:
    """An alias with a pool of one. The machine may stand still for a second: no limit strikes by
    itself, and what is cancelled has ended."""
    return make_alias(maxsize=1, maxwait=20.0, cancel_timeout=20.0)


@pytest.fixture
def cancels(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Those that have been sent so far."""
    sent, cancel = [], ending.cancel

    def counted(*args: Any) -> None:
        sent.append(args)
        cancel(*args)

    monkeypatch.setattr(ending, "cancel", counted)
    return sent


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    """What the pools report, with structlog configured as a site does it."""
    records: list[dict[str, Any]] = []

    def collect(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        records.append({**event, "level": method})
        raise structlog.DropEvent

    structlog.configure(processors=[collect])
    yield records
    structlog.reset_defaults()
