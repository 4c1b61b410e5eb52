"""Metrics for Prometheus, with the real client: names, numbers, and several workers."""

import os
import signal

import gevent
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from support.gunicorn import site_under_gunicorn
from support.metrics import LABELS, STATES, metrics_off_at_the_end  # noqa: F401  a fixture
from support.processes import PATCHED
from support.waiting import eventually, running

from django_pgpool import PoolExhausted
from django_pgpool.metrics import prometheus
from django_pgpool.pool import Pool, Reason
from django_pgpool.pool.buckets import BOUNDS
from django_pgpool.pool.timed import TimedPool


class Scrape:
    """What Prometheus reads."""

    def __init__(self, text):
        families = text_string_to_metric_families(text)
        self.samples = [sample for family in families for sample in family.samples]

    def get(self, name, **labels):
        name = f"django_pgpool_{name}"
        found = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) == 1, (name, labels, found)
        return found[0]


@pytest.fixture
def scrape(metrics_off_at_the_end):  # noqa: F811
    registry = CollectorRegistry(auto_describe=True)
    prometheus.register(registry)
    prometheus.register(registry)
    return lambda: Scrape(generate_latest(registry).decode())


def test_names_and_labels(scrape, alias):
    alias.ask("SELECT 1")
    found = {}
    for sample in scrape().samples:
        found.setdefault(sample.name, set()).add(frozenset(sample.labels))
    assert found == {name: {frozenset(labels)} for name, labels in LABELS.items()}


def test_states_limits_and_reasons(scrape, make_alias):
    alias = make_alias(maxsize=7)
    alias.ask("SELECT 1")
    with alias.request():
        alias.value("SELECT 1")
        now = scrape()
        states = {state: now.get("connections", alias=alias.name, state=state) for state in STATES}
        assert states == {"opening": 0, "idle": 0, "in_use": 1, "closing": 0}
        assert now.get("max_connections", alias=alias.name) == 7
        assert now.get("pending_requests", alias=alias.name) == 0
    alias.pool.drain()
    eventually(lambda: alias.pool.snapshot().size == 0)
    now = scrape()
    for reason in Reason:
        expected = 1 if reason is Reason.DRAINED else 0
        assert now.get("evictions_total", alias=alias.name, reason=reason) == expected


def test_histograms_count_every_caller_and_time_outs_are_counted(scrape, make_alias):
    alias = make_alias(maxsize=1, maxwait=30)
    with alias.request():
        alias.value("SELECT 1")
        with running(lambda: alias.ask("SELECT 1")):  # killed at the end
            eventually(lambda: scrape().get("pending_requests", alias=alias.name) == 1)
            alias.pool.maxwait = 0.05
            with pytest.raises(PoolExhausted):
                gevent.spawn(alias.ask, "SELECT 1").get(timeout=20)
    now = scrape()
    assert now.get("timeouts_total", alias=alias.name) == 1
    assert now.get("wait_seconds_count", alias=alias.name) == 3
    assert now.get("wait_seconds_sum", alias=alias.name) >= 0.05
    assert now.get("use_seconds_count", alias=alias.name) == 1
    assert now.get("create_seconds_count", alias=alias.name) == 1
    ends = [
        (float(sample.labels["le"]), sample.value)
        for sample in now.samples
        if sample.name == "django_pgpool_wait_seconds_bucket"
        and sample.labels["alias"] == alias.name
    ]
    assert [end for end, _ in ends] == [*BOUNDS, float("inf")]
    assert [count for _, count in ends] == sorted(count for _, count in ends)
    assert dict(ends)[0.025] <= 1
    assert ends[-1][1] == 3


def test_a_scrape_opens_no_connection(scrape, make_alias):
    alias = make_alias(minsize=1)
    pool = alias.pool
    assert scrape().get("max_connections", alias=alias.name) == 20
    assert pool.snapshot().openings == alias.backends == 0


def test_what_was_counted_stays_when_its_pool_ends(scrape, make_alias):
    alias = make_alias(maxsize=2)
    for number in (1, 2, 3):
        alias.ask("SELECT 1")
        alias.wrapper.close_pool()
        closed = {"alias": alias.name, "reason": "closed"}
        eventually(lambda: scrape().get("evictions_total", **closed) == number)  # noqa: B023
        now = scrape()
        assert now.get("use_seconds_count", alias=alias.name) == number
        assert now.get("connections", alias=alias.name, state="idle") == 0
        assert now.get("max_connections", alias=alias.name) == 0, "there is no pool"


def test_pools_that_are_there_already_are_counted_from_now_on(metrics_off_at_the_end, alias):  # noqa: F811
    alias.ask("SELECT 1")
    assert type(alias.pool) is Pool
    registry = CollectorRegistry()
    prometheus.register(registry)
    assert type(alias.pool) is TimedPool
    alias.ask("SELECT 1")
    now = Scrape(generate_latest(registry).decode())
    assert now.get("use_seconds_count", alias=alias.name) == 1


# ---- several workers


def test_a_directory_that_is_missing_is_an_error_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="PROMETHEUS_MULTIPROC_DIR is not set or not a directory"):
        prometheus.register()


SITE = """
import os
import struct
from pathlib import Path
import django
import gevent
django.setup()
from django.db import connection
from django_pgpool.metrics import prometheus, prometheus_files
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
prometheus_files.INTERVAL = 0.05
prometheus.register()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    path = environ["PATH_INFO"]
    if path == "/metrics":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        while True:
            try:
                return [generate_latest(registry)]
            except struct.error:  # prometheus_client's: the other worker's file is still empty
                gevent.sleep(0.01)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    while path == "/hold" and not Path("go").exists():
        gevent.sleep(0.01)
    connection.close()
    return [str(os.getpid()).encode()]
"""
CONF = """
from prometheus_client import multiprocess

def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
"""


@pytest.mark.parametrize("preload", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.usefixtures("server")
def test_two_workers_and_one_that_dies(tmp_path, preload):
    """One request per worker at a time: while one holds its connection, the other one answers."""
    files = tmp_path / "metrics"
    files.mkdir()
    variables = {
        "PROMETHEUS_MULTIPROC_DIR": str(files),
        "PGPOOL_TEST_OPTIONS": '{"cleanup": 600}',  # idle connections stay
    }
    options = ["--workers", "2", "--worker-connections", "1", *(["--preload"] if preload else [])]
    conf = PATCHED + CONF if preload else CONF
    with site_under_gunicorn(tmp_path, SITE, *options, conf=conf, **variables) as site:

        def scrape(**expected):
            """Until it says so: a worker may be in the midst of writing it all down."""
            now = Scrape(site.get("/metrics"))
            return now if all(_said(now, *item) for item in expected.items()) else None

        with running(lambda: site.get("/hold")) as (holder,):
            eventually(lambda: scrape(in_use=1))
            pids = {int(site.get("/use")) for _ in range(3)}
            assert len(pids) == 1
            eventually(lambda: scrape(in_use=1, idle=1, max_connections=2 * 20))
            (tmp_path / "go").touch()
            dies = int(holder.get(timeout=20))
        assert {dies} != pids
        counts = {"wait": 4, "use": 4, "create": 2}
        now = eventually(lambda: scrape(in_use=0, idle=2, counts=counts))
        assert now.get("wait_seconds_bucket", alias="default", le="+Inf") == 4
        os.kill(dies, signal.SIGKILL)
        eventually(lambda: scrape(idle=1, max_connections=20, counts=counts), lambda: site.log)
        assert "Traceback" not in site.log


def _said(now, what, wanted):
    try:
        if what == "counts":
            return _counts(now) == wanted
        if what in STATES:
            return now.get("connections", alias="default", state=what) == wanted
        return now.get(what, alias="default") == wanted
    except AssertionError:  # nobody has written yet
        return False


def _counts(now):
    names = ("wait", "use", "create")
    return {name: now.get(f"{name}_seconds_count", alias="default") for name in names}
