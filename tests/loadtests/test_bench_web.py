"""The section of the micro-benchmark about a site under gunicorn."""

from __future__ import annotations

import shutil
from urllib.parse import quote, urlencode

import psutil
import pytest

from loadtests.bench.catalogue.subject import under_django
from loadtests.bench.measures import Unavailable, web
from loadtests.engines import FREE, PGPOOL

COUNTED = (
    'Running 3s test @ http://127.0.0.1:1/read\n{"answers": 3010, "duration": 3000000, '
    '"p99": 151020, "refused": %d, "unanswered": 2}\n'
)


@pytest.fixture
def arguments(server):
    url = f"postgresql:///?{urlencode(server.params, quote_via=quote)}"
    return lambda engine: under_django(engine, "web", ()).arguments(url)


def test_only_good_answers_count():
    found = web.numbers(COUNTED % 10)
    assert found == {"rate": 1000, "p99": 151.02, "failed": 12}
    with pytest.raises(RuntimeError, match="none of 3010 answers was good"):
        web.numbers(COUNTED % 3010)


def test_without_wrk_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match=r"wrk is not installed \(apt install wrk\)"):
        web.prepare({}, "close", green=False)


def test_the_site_reads_and_counts_its_connections(arguments):
    wanted = arguments(FREE)  # the end of a request gives its connection back, too
    with web.Site(wanted["database"], wanted["green"]) as site:
        process = psutil.Process(site._process.pid)
        assert [site.get("/read") for _ in range(3)] == [{"name": "btree"}] * 3
        assert site.get("/count")["connections"] == 1
    assert not process.is_running()


@pytest.mark.long
def test_a_site_that_does_not_come_up_says_why():
    database = {"ENGINE": "no.such.engine", "OPTIONS": {}}
    with pytest.raises(RuntimeError, match="gunicorn did not come up"), web.Site(database, False):
        pass


@pytest.mark.long
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_round(arguments, monkeypatch):
    monkeypatch.setattr(web, "ROOM", 0)
    monkeypatch.setattr(web.signal, "signal", lambda *_: None)
    found = web.prepare(**arguments(PGPOOL))(1)
    assert found["rate"] > found["failed"] >= 0  # a slow machine leaves some unanswered
    assert 1 <= found["connections"] <= 20
