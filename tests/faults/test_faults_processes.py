"""Busy processes: a hub that stands still, forks, gunicorn's end. The long versions: make chaos."""

import os
import time

import gevent
import psutil
from chaos.shutdown import get
from support.processes import DJANGO, PATCHED, run_python
from support.sites import site_database
from support.waiting import eventually, join, running

from loadtests.site_process import SiteProcess


def block(seconds):
    """CPU work: nothing else runs in this process."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_cpu_work_longer_than_every_limit_fails_nobody_and_expires_nothing(make_alias):
    alias = make_alias(
        maxsize=5, maxwait=2, connect_timeout=2, read_timeout=2, cleanup=2, expires=60
    )
    done = []

    def visit():
        for _ in range(20):
            alias.ask("SELECT pg_sleep(0.005)")
            done.append(True)

    with running(*[visit] * 15) as greenlets:
        eventually(lambda: len(done) > 30)
        block(2.5)
        join(greenlets)
    assert len(done) == 300
    snapshot = alias.pool.snapshot()
    assert snapshot.openings == 5
    assert snapshot.evictions == {}


def test_cpu_work_in_the_middle_of_an_opening_fails_nobody(make_alias):
    """Of openings that have begun one turn of the hub after the other: each is somewhere else."""
    greenlets = []
    for _ in range(6):
        alias = make_alias(maxsize=3, maxwait=20, connect_timeout=2)
        greenlets += [gevent.spawn(alias.ask, "SELECT 1") for _ in range(3)]
        gevent.sleep(0)
    block(2.5)
    assert join(greenlets) == [1] * 18


BUSY_PARENT = """
import os, gevent, itertools
import django_pgpool
numbers, wrong, done = itertools.count(), [], []

def value(sql, *args):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchone()[0]

def visit():
    try:
        while not done:
            number = next(numbers)
            if value("SELECT %s + 0 * length(pg_sleep(0.002)::text)", number) != number:
                wrong.append("foreign")
            connection.close()
    except Exception as error:
        wrong.append(repr(error))

visitors = [gevent.spawn(visit) for _ in range(6)]
while sum(pool.idle + pool.in_use for pool in django_pgpool.stats()) < 3:
    gevent.sleep(0.01)
for _ in range(4):
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if value("SELECT 7") == 7 else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status))
done.append(True)
gevent.joinall(visitors, timeout=20)
print(wrong, django_pgpool.stats()[0].openings, django_pgpool.stats()[0].in_use)
"""


def test_children_of_a_busy_parent(server):
    """The child inherits greenlets in the middle of statements, on sockets of its parent."""
    result = run_python(
        PATCHED + DJANGO + BUSY_PARENT,
        PGPOOL_TEST_OPTIONS='{"maxsize": 3, "maxwait": 10}',
    )
    assert result.ok().splitlines() == ["0"] * 4 + ["[] 3 0"]


def test_gunicorn_stopped_under_load_answers_what_it_has_taken(server):
    name = f"pgpool_site_{os.getpid()}"
    database = site_database(server, maxsize=3, application_name=name)
    codes = []

    def visit():
        while (code := get(site.socket, "/report/20")) != "refused":
            codes.append(code)

    with SiteProcess(database) as site:
        worker, *_ = psutil.Process(site._process.pid).children()
        with running(*[visit] * 10) as visitors:
            eventually(lambda: len(codes) > 30)
            site._process.terminate()
            join(visitors)
        eventually(lambda: site._process.poll() is not None)
        assert site._process.returncode == 0
        assert not worker.is_running()
        assert "Traceback" not in site.log()
    assert set(codes) == {"200"}
    eventually(lambda: not server.backends(name))
