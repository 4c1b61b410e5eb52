"""The pool's promises on real PostgreSQL, with the server's own count from another process."""

import random
from contextlib import closing, contextmanager

import gevent
import pytest
from django.db import DatabaseError, transaction
from shop.models import Item
from support.sampler import sampling
from support.waiting import eventually, join, running

from django_pgpool.drivers import driver


def all_slots_usable(alias, count):
    pids = []

    def hold():
        with alias.request():
            pids.append(alias.pid())
            eventually(lambda: len(pids) == count)

    with running(*[hold] * count) as greenlets:
        join(greenlets)
    assert len(set(pids)) == count


@pytest.fixture
def patient(monkeypatch):
    """A session counts until it has ended, however long the server takes for that."""
    monkeypatch.setattr(driver, "FAREWELL", 30.0)


@contextmanager
def sampled(server, alias):
    with sampling(server.dsn, f"application_name = '{alias.name}'") as samples:
        yield samples
    assert samples.lost == []


def test_a_cold_burst_never_has_more_sessions_than_maxsize(make_alias, server):
    alias = make_alias(maxsize=10, maxwait=60)

    def work():
        with alias.request():
            alias.value("SELECT pg_sleep(0.002)")

    with sampled(server, alias) as samples, running(*[work] * 300) as greenlets:
        join(greenlets)
    assert 2 <= samples.most <= 10
    snapshot = alias.pool.snapshot()
    assert (snapshot.acquires, snapshot.in_use, snapshot.waiting) == (300, 0, 0)


# Python swallows a kill that arrives where a generator is being finalized: Django's cursor_iter.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <generator object cursor_iter:"
    "pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seed", [1, 2])
def test_kills_and_timeouts_cost_no_slot_and_the_server_never_counts_more(make_alias, server, seed):
    chance = random.Random(seed)
    alias = make_alias(maxsize=10, maxwait=60, cleanup=0.2, cancel_timeout=20)
    done = [0]

    def query():
        alias.value("SELECT pg_sleep(%s)", chance.random() * 0.006)

    def write():
        with transaction.atomic(using=alias.name):
            Item.objects.using(alias.name).create(name=f"{chance.random()}")
            query()

    def read():
        with closing(Item.objects.using(alias.name).iterator(chunk_size=1)) as rows:
            next(rows, None)

    def manual():
        alias.wrapper.set_autocommit(False)
        query()

    def work():
        for _ in range(15):
            try:
                with alias.request(), gevent.Timeout(chance.choice([5, 5, 5, 0.004])):
                    chance.choice([query, query, write, read, manual])()
            except (gevent.Timeout, DatabaseError):
                continue
            done[0] += 1

    def killer(greenlets):
        eventually(lambda: done[0] > 100)
        while any(not greenlet.dead for greenlet in greenlets):
            gevent.sleep(0.004)
            living = [greenlet for greenlet in greenlets if not greenlet.dead]
            if living:
                chance.choice(living).kill(block=False)

    with sampled(server, alias) as samples:
        with running(*[work] * 200) as greenlets, running(lambda: killer(greenlets)):
            join(greenlets, 60)
        eventually(lambda: alias.pool.snapshot().in_use == 0)
    assert done[0] > 100
    assert samples.most >= 5
    assert samples.steady <= 10
    eventually(lambda: alias.pool.snapshot().closing == 0)
    snapshot = alias.pool.snapshot()
    assert snapshot.waiting == 0
    assert snapshot.abandoned > 0
    assert "idle in transaction" not in alias.states
    all_slots_usable(alias, 10)
    eventually(lambda: alias.backends == 0, lambda: f"{alias.states}, {alias.pool.snapshot()}")


@pytest.mark.usefixtures("patient")
def test_a_session_counts_until_the_server_has_ended_it(make_alias, server):
    """Uncancelled, a statement goes on after its caller has gone, and so does its session."""
    alias = make_alias(maxsize=1, maxwait=60, cancel_timeout=None)
    pid = alias.ask("SELECT pg_backend_pid()")
    with sampled(server, alias) as samples:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.1), alias.request():
            alias.value("SELECT pg_sleep(60)")
        with running(lambda: alias.ask("SELECT 1")) as greenlets:
            eventually(lambda: alias.pool.snapshot().waiting == 1)
            assert alias.pool.snapshot().closing == 1
            server.terminate(pid)
            assert join(greenlets) == [1]
    assert samples.steady == 1


def test_everybody_gets_the_same_share(make_alias):
    """200 greenlets over 20: with a queue that only schedules the wake-up, 180 of them starve.

    How often each has had one would tell, too, of a session that stood still for a moment; so it is
    how many others were served between its asking and its getting one.
    """
    alias = make_alias(maxsize=20, maxwait=60)
    total = 200 * 40
    others = []

    def served():
        return alias.pool.snapshot().acquires

    def work():
        while (before := served()) < total:
            with alias.request() as wrapper:
                wrapper.ensure_connection()
                others.append(served() - before)
                alias.value("SELECT 1")

    with running(*[work] * 200) as greenlets:
        join(greenlets, 60)
    # All who were there before it, and who of the 20 was as quick as it to go on.
    assert 180 <= max(others) <= 200 + 20


def test_at_night_the_pool_reaches_zero_without_any_traffic(make_alias, events):
    alias = make_alias(maxsize=10, maxwait=60, cleanup=0.3)
    with running(*[lambda: alias.ask("SELECT pg_sleep(0.02)")] * 100) as greenlets:
        join(greenlets)
    assert alias.pool.snapshot().openings > 1
    eventually(lambda: alias.backends == 0)
    eventually(lambda: alias.pool.snapshot().size == 0)
    assert set(alias.pool.snapshot().evictions) <= {"idle", "surplus"}
    assert alias.ask("SELECT 1") == 1  # and in the morning it opens again


def test_connections_expire_though_they_are_busy_and_nobody_notices(make_alias):
    alias = make_alias(maxsize=3, maxwait=60, expires=0.3)
    pids = set()

    def work():
        while alias.pool.snapshot().evictions.get("expired", 0) < 6:
            pids.add(alias.ask("SELECT pg_backend_pid()"))

    with running(*[work] * 6) as greenlets:
        join(greenlets)
    assert len(pids) >= 6
    assert alias.pool.snapshot().open_failures == 0
