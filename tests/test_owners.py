"""Who ends without giving his connection back has it taken back at his end."""

import gc
import threading

import gevent
import greenlet
import pytest
from django.db import transaction
from support.processes import DJANGO, run_python
from support.waiting import eventually, join

ENDS = ("returns", "fails", "is killed", "leaves a transaction open", "leaves atomic half-way")


@pytest.fixture
def no_garbage_collection():
    gc.disable()
    yield
    gc.enable()


class Expected(Exception):
    """The hub prints what a greenlet dies of, unless it is told not to."""


@pytest.fixture(autouse=True)
def silent_deaths(monkeypatch):
    monkeypatch.setattr(gevent.get_hub(), "NOT_ERROR", (*gevent.get_hub().NOT_ERROR, Expected))


def careless(alias, end):
    """A greenlet's work with the ORM that never closes anything."""
    if end == "leaves atomic half-way":
        transaction.atomic(using=alias.name).__enter__()
    elif end == "leaves a transaction open":
        alias.wrapper.set_autocommit(False)
    assert alias.value("SELECT %s", end) == end
    if end == "fails":
        raise Expected
    if end == "is killed":
        gevent.getcurrent().has_asked = True  # before that its death is not that of an owner
        gevent.sleep(60)


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("end", ENDS)
def test_its_connection_comes_back_at_once(alias, events, end):
    owner = gevent.spawn(careless, alias, end)
    if end == "is killed":
        eventually(lambda: getattr(owner, "has_asked", False))
        owner.kill()
    owner.join()
    assert alias.ask("SELECT 1") == 1
    assert alias.states == ["idle"], "no transaction is left open"
    (reclaimed,) = [event for event in events if event["event"] == "connection_reclaimed"]
    assert reclaimed["level"] == "info"
    assert reclaimed["seconds"] >= 0
    assert alias.pool.snapshot().reclaimed == 1


@pytest.mark.usefixtures("no_garbage_collection")
def test_many_one_after_the_other_none_waits(make_alias):
    alias = make_alias(maxsize=2, maxwait=5.0)
    for number in range(300):
        gevent.spawn(careless, alias, ENDS[number % 2]).join()
    snapshot = alias.pool.snapshot()
    assert snapshot.exhausted == 0
    eventually(lambda: alias.pool.snapshot().in_use == 0)


@pytest.mark.usefixtures("no_garbage_collection")
def test_many_at_the_same_time_all_get_their_turn(make_alias):
    alias = make_alias(maxsize=5, maxwait=20.0)
    owners = [gevent.spawn(careless, alias, ENDS[number % 2]) for number in range(300)]
    gevent.joinall(owners, timeout=30)
    assert all(owner.dead for owner in owners)
    assert alias.pool.snapshot().exhausted == 0
    eventually(lambda: alias.pool.snapshot().in_use == 0)
    assert alias.pool.snapshot().reclaimed == 300


def test_who_gives_it_back_himself_is_not_reclaimed(alias):
    join([gevent.spawn(alias.ask, "SELECT 1") for _ in range(10)])
    assert alias.pool.snapshot().reclaimed == 0


def test_a_raw_greenlet_at_its_collection(alias):
    raw = [greenlet.greenlet(lambda: alias.value("SELECT 1"), parent=gevent.get_hub())]
    gevent.get_hub().loop.run_callback(raw[0].switch)
    eventually(lambda: raw[0].dead)
    assert alias.pool.snapshot().in_use == 1
    raw.clear()
    gc.collect()
    eventually(lambda: alias.pool.snapshot().in_use == 0)


def test_a_wrapper_that_is_dropped_without_close(alias):
    wrapper = alias.copy(options={"application_name": "copy"})
    wrapper.ensure_connection()
    pool = wrapper.pgpool
    assert pool.snapshot().in_use == 1
    del wrapper
    gc.collect()
    eventually(lambda: pool.snapshot().in_use == 0)
    pool.close()


def test_a_wrapper_that_is_shared_with_others_keeps_its_connection(alias):
    shared = []

    def owner():
        wrapper = alias.wrapper
        wrapper.inc_thread_sharing()
        wrapper.ensure_connection()
        shared.append(wrapper)

    gevent.spawn(owner).join()
    gevent.sleep(0)
    (wrapper,) = shared
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert alias.pool.snapshot().in_use == 1
    wrapper.close()
    assert alias.pool.snapshot().in_use == 0


def test_a_reclaim_that_is_killed_before_it_begins_is_repeated(alias):
    alias.wrapper.ensure_connection()
    pool, hold = alias.pool, alias.wrapper._hold
    spawned = []

    class Runtime:
        def spawn(self, work, ended):
            reclaim = gevent.Greenlet(work)
            reclaim.rawlink(lambda _: ended())
            reclaim.start()
            spawned.append(reclaim)
            if len(spawned) == 1:
                reclaim.kill(block=False)

    usual, pool._runtime = pool._runtime, Runtime()
    try:
        hold.reclaim()
        eventually(lambda: pool.snapshot().in_use == 0)
    finally:
        pool._runtime = usual
        alias.wrapper.connection = None
    assert len(spawned) == 2


def test_threads_at_their_end(server):
    result = run_python(
        DJANGO
        + """
import gc, threading, time
gc.disable()
def work():
    connection.ensure_connection()
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
for _ in range(20):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
import django_pgpool
deadline = time.monotonic() + 10
while django_pgpool.stats()[0].in_use and time.monotonic() < deadline:
    time.sleep(0.01)
print(django_pgpool.stats()[0].in_use, django_pgpool.stats()[0].exhausted)
""",
        PGPOOL_TEST_OPTIONS='{"maxsize": 2, "maxwait": 5}',
    )
    assert result.ok().split() == ["0", "0"]


def test_gevents_native_threads_share_the_pool(make_alias):
    alias = make_alias(maxsize=2, maxwait=10.0)
    native = gevent.get_hub().threadpool
    idents = set()

    def work():
        idents.add(threading.get_native_id())
        return alias.ask("SELECT pg_sleep(0.01) || 'x'")

    jobs = [native.spawn(work) for _ in range(20)]
    greenlets = [gevent.spawn(work) for _ in range(20)]
    assert gevent.wait(jobs + greenlets, timeout=20)
    assert {job.get() for job in jobs + greenlets} == {"x"}
    assert len(idents) > 1
    assert alias.pool.snapshot().in_use == 0
    assert alias.pool.snapshot().size <= 2


def test_what_is_held_too_long_is_reported_once_and_not_taken_away(make_alias, events):
    alias = make_alias(maxsize=1, held_warning=0.05)
    with alias.request():
        pid = alias.pid()
        (warning,) = eventually(
            lambda: [event for event in events if event["event"] == "connection_held_too_long"]
        )
        assert alias.pid() == pid
    assert warning["level"] == "warning"
    assert warning["seconds"] >= 0.05
    assert "test_what_is_held_too_long" in warning["stack"]
    assert warning["stack"].rstrip().endswith("with self.wrapper.cursor() as cursor:"), "our code"
    assert "greenlet" in warning["owner"]


def test_nothing_is_reported_of_those_who_give_it_back_in_time(make_alias, events):
    alias = make_alias(maxsize=1, held_warning=30.0)
    for _ in range(3):
        alias.ask("SELECT 1")
    assert not [event for event in events if event["event"] == "connection_held_too_long"]
