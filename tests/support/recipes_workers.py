"""Sites of docs/recipes.md under servers with several workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import gevent

from .recipes import write_site
from .served import Site
from .server import Server
from .waiting import eventually, join

SITE = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
AFTER_A_QUERY = f"""
import pathlib, os
{SITE}
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_backend_pid()")
    pathlib.Path("master").write_text(str(cursor.fetchone()[0]))
connection.close()
"""
"""It is loaded before the fork, and notes the session that it has used."""


@contextmanager
def recipe_site(
    server: Server,
    directory: Path,
    serve: Callable[..., AbstractContextManager[Site]],
    maxsize: int = 2,
) -> Iterator[Any]:
    """It answers with the pids of its worker and its session. The sessions are called by its
    ``name``."""
    write_site(directory)
    name = f"recipe_{os.getpid()}"
    pool = {"maxsize": maxsize, "maxwait": 20, "cleanup": 600, "application_name": name}
    env = {
        "DJANGO_SETTINGS_MODULE": "recipe_settings",
        "PGPOOL_TEST_OPTIONS": json.dumps(pool),
    }
    with serve(**env) as running:
        site: Any = running
        site.name = name
        site.directory = directory
        yield site
    eventually(lambda: not server.backends(name))


def pids(site: Site) -> Any:
    return json.loads(site.get("/pids"))


def of_both_workers(site: Site) -> dict[int, set[int]]:
    """Sessions by worker, once two have answered."""
    seen: dict[int, set[int]] = {}

    def ask() -> bool:
        for worker, session, _ in join([gevent.spawn(pids, site) for _ in range(10)]):
            seen.setdefault(worker, set()).add(session)
        return len(seen) == 2

    eventually(ask)
    return seen
