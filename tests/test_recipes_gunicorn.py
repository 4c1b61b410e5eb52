"""docs/recipes.md: gunicorn's recipes, run as they stand there."""

import itertools
import json
import os
import signal
import time
from contextlib import contextmanager
from http.client import HTTPException

import gevent
import pytest
from support import recipes
from support.gunicorn import site_under_gunicorn
from support.recipes import URLS, write_site
from support.waiting import eventually, join

SITE = """
    from django.core.wsgi import get_wsgi_application
    application = get_wsgi_application()
    """


@pytest.fixture
def site(tmp_path, server):
    """``site(*options)`` is a site under gunicorn, in ``tmp_path``. It answers with the pids of its
    worker and its session. The sessions are called ``site.name``."""

    @contextmanager
    def start(*options, code=SITE, conf="", directory=tmp_path, maxsize=2):
        write_site(directory)
        pool = {"maxsize": maxsize, "maxwait": 20, "application_name": f"recipe_{os.getpid()}"}
        env = {
            "DJANGO_SETTINGS_MODULE": "recipe_settings",
            "PGPOOL_TEST_OPTIONS": json.dumps(pool),
        }
        with site_under_gunicorn(directory, code, *options, conf=conf, **env) as running:
            running.name = pool["application_name"]
            running.directory = directory
            yield running
        eventually(lambda: not server.backends(f"recipe_{os.getpid()}"))

    return start


def pids(site):
    return json.loads(site.get("/pids"))


def of_both_workers(site):
    """Sessions by worker, once two have answered."""
    seen = {}

    def ask():
        for worker, session, _ in join([gevent.spawn(pids, site) for _ in range(10)]):
            seen.setdefault(worker, set()).add(session)
        return len(seen) == 2

    eventually(ask)
    return seen


@pytest.mark.long
def test_each_worker_has_its_own_pool(site, server):
    with site("--workers", "2") as running:
        one, other = of_both_workers(running).values()
        assert not one & other
        assert max(len(one), len(other)) <= 2
        assert len(server.pids(running.name)) <= 4


@pytest.mark.long
def test_preload(site, server):
    code = f"""
    import pathlib, os
    {SITE.strip()}
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pathlib.Path("master").write_text(str(cursor.fetchone()[0]))
    connection.close()
    """
    conf = recipes.block("gunicorn --preload", "gunicorn.conf.py")
    with site(code=code, conf=conf) as running:
        one, other = of_both_workers(running).values()
        masters = {int((running.directory / "master").read_text())}
        assert not one & other
        assert not masters & (one | other)
        assert masters <= server.pids(running.name)


@pytest.mark.long
def test_reload(site, server):
    with site("--reload") as running:
        _, session, version = pids(running)
        assert version == 1
        urls = running.directory / "recipe_urls.py"
        urls.write_text(URLS.replace("VERSION = 1", "VERSION = 2"))
        later = itertools.count(int(time.time()) + 5)

        def is_new():
            # Again and again: the first time that gunicorn sees a file it takes it for the old one.
            os.utime(urls, (next(later),) * 2)
            try:
                return pids(running)[2] == 2
            except (OSError, HTTPException, ValueError):
                return False  # the worker that goes closes what it has not read

        eventually(is_new, lambda: running.log, seconds=30)
        eventually(lambda: session not in server.pids(running.name))


@pytest.mark.long
def test_workers_that_are_replaced(site, server):
    conf = recipes.block("gunicorn, stopping and replacing workers", "gunicorn.conf.py")
    with site("--max-requests", "3", "--max-requests-jitter", "0", conf=conf) as running:
        worker, session, _ = pids(running)
        seen = set()

        def ask():
            try:
                seen.add(pids(running)[0])
            except (OSError, HTTPException):
                return False  # the worker that goes closes what it has not read
            return len(seen - {worker}) >= 1

        eventually(ask, lambda: running.log, seconds=30)
        eventually(lambda: session not in server.pids(running.name))


@pytest.mark.long
def test_gthread(site, server):
    with site("-k", "gthread", "--threads", "8") as running:
        said = join([gevent.spawn(pids, running) for _ in range(40)])
        assert len({session for _, session, _ in said}) <= 2
        assert len(server.pids(running.name)) <= 2


@pytest.mark.long
def test_a_rollout(site, server, tmp_path):
    """Old and new side by side have both their pools; then those of the old are gone."""
    with site(directory=tmp_path / "new") as new:
        with site(directory=tmp_path / "old") as old:
            for running in (old, new):
                join([gevent.spawn(pids, running) for _ in range(20)])
            old_worker, new_worker = pids(old)[0], pids(new)[0]
            assert old_worker != new_worker
            assert 2 <= len(server.pids(new.name)) <= 4
            old._process.send_signal(signal.SIGTERM)
            old._process.wait(30)
            eventually(lambda: len(server.pids(new.name)) <= 2)
            assert pids(new)[0] == new_worker
            new._process.send_signal(signal.SIGTERM)
            new._process.wait(30)
