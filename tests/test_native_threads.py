"""What native threads of a patched process leave open comes back at their end.

gevent keeps for ever what is local to the first greenlet of such a thread.
"""

import gevent
import pytest
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool
from support.waiting import eventually

from django_pgpool.greenlets import database_task


@pytest.fixture
def workers():
    workers = ThreadPool(1)
    yield workers
    workers.kill()


def in_a_thread(work):
    get_original("_thread", "start_new_thread")(work, ())


def in_a_worker(work):
    workers = ThreadPool(1)
    workers.spawn(work).get(timeout=20)
    workers.kill()


def in_a_greenlet_that_never_ends(work):
    """A greenlet that another thread has begun ends with it, in the middle of its work."""

    def begin():
        greenlet = gevent.spawn(lambda: (work(), gevent.sleep(60)))
        gevent.sleep(0)
        while not done:
            gevent.sleep(0.01)
        assert not greenlet.dead

    done = []
    work = calling(work, done.append)
    get_original("_thread", "start_new_thread")(begin, ())


def calling(work, then):
    def both():
        work()
        then(True)

    return both


@pytest.mark.parametrize("run", [in_a_thread, in_a_worker, in_a_greenlet_that_never_ends])
def test_a_transaction_that_is_left_open(make_alias, server, events, run):
    alias = make_alias(maxsize=2, maxwait=20)
    threads = 5

    def careless():
        alias.wrapper.set_autocommit(False)
        alias.value(
            "INSERT INTO shop_item(name, made_at, details) VALUES ('x', now(), '{}') RETURNING 1"
        )

    for _ in range(threads):
        run(careless)
    eventually(lambda: alias.pool.snapshot().reclaimed == threads)
    eventually(lambda: alias.states in (["idle"], ["idle", "idle"]))
    assert server.execute("SELECT count(*) FROM shop_item") == [(0,)]
    assert alias.pool.snapshot().in_use == 0
    told = [event for event in events if event["event"] == "connection_reclaimed"]
    assert len(told) == threads
    assert alias.ask("SELECT 1") == 1


def test_what_a_job_leaves_goes_to_the_next_job_of_its_thread(alias, workers):
    pids = [workers.spawn(alias.pid).get(timeout=20) for _ in range(2)]
    assert len(set(pids)) == 1
    assert alias.pool.snapshot().acquires == 1
    workers.kill()
    eventually(lambda: alias.pool.snapshot().in_use == 0)


def test_a_database_task_gives_it_back_at_the_end_of_the_job(alias, workers):
    workers.spawn(database_task(alias.pid)).get(timeout=20)
    assert alias.pool.snapshot().in_use == 0


def test_no_hub_is_left_behind(make_alias, monkeypatch):
    """The thread's own may be gone when its locals are cleared; nobody would destroy another."""
    alias = make_alias(maxsize=1, cleanup=0.01)
    hubs = []
    usual = gevent.hub.Hub.__init__

    def noting(hub, *args, **kwargs):
        usual(hub, *args, **kwargs)
        hubs.append(hub)

    monkeypatch.setattr(gevent.hub.Hub, "__init__", noting)
    in_a_worker(alias.pid)
    eventually(lambda: alias.pool.snapshot().size == 0)
    assert hubs
    eventually(lambda: all(hub.loop is None for hub in hubs), lambda: f"{hubs}")
