"""docs/recipes.md: gunicorn's recipes, run as they stand there."""

import itertools
import os
import signal
import time
from functools import partial
from http.client import HTTPException

import gevent
import pytest
from support import recipes
from support.gunicorn import site_under_gunicorn
from support.recipes import URLS
from support.recipes_workers import AFTER_A_QUERY, SITE, of_both_workers, pids, recipe_site
from support.waiting import eventually, join


@pytest.fixture
def site(tmp_path, server):
    """``site(*options)`` is a site under gunicorn, in ``tmp_path``."""

    def start(*options, code=SITE, conf="", directory=tmp_path, maxsize=2):
        serve = partial(site_under_gunicorn, directory, code, *options, conf=conf)
        return recipe_site(server, directory, serve, maxsize)

    return start


@pytest.mark.long
def test_each_worker_has_its_own_pool(site, server):
    with site("--workers", "2") as running:
        one, other = of_both_workers(running).values()
        assert not one & other
        assert max(len(one), len(other)) <= 2
        assert len(server.pids(running.name)) <= 4


@pytest.mark.long
def test_preload(site, server):
    conf = recipes.block("gunicorn --preload", "gunicorn.conf.py")
    with site(code=AFTER_A_QUERY, conf=conf) as running:
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
