"""gevent.Timeout and kill, at every point where a request can be waiting."""

from contextlib import contextmanager

import gevent
import pytest
from django.db import InterfaceError, OperationalError, transaction
from django.db.backends.signals import connection_created
from shop.models import Item
from support.driver import CLOSED
from support.waiting import eventually, join, running

from django_pgpool.base import DatabaseWrapper


def atomic(alias):
    return transaction.atomic(using=alias.name)


def usable(alias):
    """Every slot can be had, all at the same time, and nothing is left open at the server."""
    maxsize = alias.pool.maxsize
    together = []

    def hold():
        with alias.request():
            together.append(alias.pid())
            eventually(lambda: len(together) == maxsize)

    with running(*[hold] * maxsize) as greenlets:
        join(greenlets)
    assert len(set(together)) == maxsize
    snapshot = alias.pool.snapshot()
    assert (snapshot.in_use, snapshot.opening, snapshot.waiting) == (0, 0, 0)
    eventually(lambda: set(alias.states) == {"idle"}, lambda: f"states: {alias.states}")


@contextmanager
def created(alias, action):
    """A handler of connection_created for this alias."""

    def handler(connection, **kwargs):
        if connection.alias == alias.name:
            action(connection)

    connection_created.connect(handler)
    try:
        yield
    finally:
        connection_created.disconnect(handler)


def test_the_query_after_a_timeout_works(alias):
    alias.ask("SELECT 1")
    with alias.request() as wrapper:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            alias.value("SELECT pg_sleep(60)")
        assert not wrapper.errors_occurred  # Django knows nothing of it
        assert alias.value("SELECT 1") == 1
        assert alias.pool.snapshot().size == 1
    usable(alias)


def test_without_autocommit_a_rollback_after_a_timeout_makes_the_next_query_work(make_alias):
    alias = make_alias(maxsize=1, cancel_timeout=20, AUTOCOMMIT=False)
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            alias.value("SELECT pg_sleep(60)")
        with pytest.raises((InterfaceError, OperationalError), match=CLOSED):
            alias.value("SELECT 1")  # else what the transaction did before were lost in silence
        wrapper.rollback()
        assert alias.value("SELECT 1") == 1
        assert not wrapper.get_autocommit()
        wrapper.rollback()
    usable(alias)


def test_the_request_after_a_timeout_works(alias):
    alias.ask("SELECT 1")
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
        alias.value("SELECT pg_sleep(60)")
    assert alias.pool.snapshot().in_use == 0
    assert alias.ask("SELECT 1") == 1
    usable(alias)


@pytest.mark.parametrize("nested", [False, True])
def test_a_timeout_in_atomic_arrives_outside_and_the_next_query_works(alias, nested):
    alias.ask("SELECT 1")
    with alias.request():
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), atomic(alias):
            Item.objects.using(alias.name).create(name="lost")
            if nested:
                with atomic(alias):
                    alias.value("SELECT pg_sleep(60)")
            alias.value("SELECT pg_sleep(60)")
        assert alias.value("SELECT count(*) FROM shop_item WHERE name = 'lost'") == 0
    usable(alias)


def test_a_timeout_caught_in_atomic_does_not_open_a_second_transaction(alias):
    """The rest of the block must fail, not run outside of the transaction it believes to be in."""
    with alias.request():
        with atomic(alias):
            Item.objects.using(alias.name).create(name="first")
            with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
                alias.value("SELECT pg_sleep(60)")
            with pytest.raises((InterfaceError, OperationalError), match=CLOSED):
                Item.objects.using(alias.name).create(name="second")
        assert alias.value("SELECT count(*) FROM shop_item") == 0
    usable(alias)


def test_a_killed_query_gives_its_slot_back(make_alias):
    alias = make_alias(maxsize=3, cancel_timeout=20)

    def query():
        with alias.request():
            alias.value("SELECT pg_sleep(60)")

    with running(*[query] * 3) as greenlets:
        eventually(lambda: alias.states == ["active"] * 3)
        gevent.killall(greenlets)
    assert alias.pool.snapshot().in_use == 0
    usable(alias)


def test_killed_waiters_lose_nothing(make_alias):
    alias = make_alias(maxsize=1)
    with alias.request():
        alias.value("SELECT 1")
        with running(*[lambda: alias.ask("SELECT 1")] * 20) as greenlets:
            eventually(lambda: alias.pool.snapshot().waiting == 20)
            gevent.killall(greenlets)
        assert alias.pool.snapshot().abandoned == 20
    usable(alias)


INTERRUPTS = {
    "a handler that sleeps": lambda connection: gevent.sleep(30),
    "a handler that runs SQL": lambda connection: connection.cursor().execute(
        "SELECT pg_sleep(60)"
    ),
}


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("action", INTERRUPTS.values(), ids=INTERRUPTS.keys())
@pytest.mark.parametrize("reason", [gevent.Timeout, gevent.GreenletExit])
def test_the_window_inside_connect_loses_nothing(alias, action, reason, warm):
    """The connection is acquired, but Django's connect() has not returned yet."""
    if warm:
        alias.ask("SELECT 1")
    wrappers = []

    def request():
        wrappers.append(alias.wrapper)
        with pytest.raises(reason):
            alias.wrapper.ensure_connection()  # and no close(): the view never began

    with created(alias, action), running(request) as (victim,):
        eventually(lambda: alias.pool.snapshot().in_use)
        victim.kill(reason)
        victim.get()
    assert wrappers[0].connection is None
    assert alias.pool.snapshot().in_use == 0
    usable(alias)


def test_a_kill_in_init_connection_state_loses_nothing(alias, monkeypatch):
    monkeypatch.setattr(DatabaseWrapper, "init_connection_state", lambda self: gevent.sleep(30))
    with running(alias.wrapper.ensure_connection) as greenlets:
        eventually(lambda: alias.pool.snapshot().in_use)
        gevent.killall(greenlets)
    monkeypatch.undo()
    assert alias.pool.snapshot().in_use == 0
    usable(alias)


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, gevent.GreenletExit])
def test_an_exception_of_a_handler_of_connection_created_loses_nothing(alias, error):
    def fail(connection):
        raise error

    with created(alias, fail), pytest.raises(error):
        alias.wrapper.ensure_connection()
    assert alias.wrapper.connection is None
    assert alias.value("SELECT 1") == 1
    alias.close()
    usable(alias)


def test_a_timeout_while_waiting_for_the_opening_loses_nothing(make_alias, monkeypatch):
    alias = make_alias(maxsize=1, connect_timeout=60)
    opening = DatabaseWrapper.open_connection
    goes_on = gevent.event.Event()

    def slow(self, params):
        goes_on.wait()
        return opening(self, params)

    monkeypatch.setattr(DatabaseWrapper, "open_connection", slow)
    try:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            alias.wrapper.ensure_connection()
        assert alias.wrapper.connection is None
    finally:
        goes_on.set()
    # The opening goes on without its caller, and somebody gets it.
    eventually(lambda: alias.pool.snapshot().idle == 1)
    pid = alias.ask("SELECT pg_backend_pid()")
    assert alias.pids == {pid}
    usable(alias)


def test_a_kill_during_the_rollback_of_a_release_evicts(make_alias):
    alias = make_alias(maxsize=1)
    alias.ask("SELECT 1")

    def leave_open():
        with alias.request() as wrapper:
            wrapper.set_autocommit(False)
            alias.value("SELECT 1")
            # Arrives at the next switch, and that is in the rollback.
            gevent.get_hub().loop.run_callback(gevent.getcurrent().throw)

    with running(leave_open) as greenlets:
        gevent.joinall(greenlets, timeout=10)
        assert isinstance(greenlets[0].value, gevent.GreenletExit)
    eventually(lambda: alias.pool.snapshot().evictions == {"dirty": 1})
    usable(alias)


@pytest.mark.parametrize("fails", [False, True], ids=["commit", "rollback"])
def test_a_timeout_in_the_end_of_atomic_arrives_as_what_it_is(alias, fails):
    with alias.request():
        with pytest.raises(gevent.Timeout) as caught, gevent.Timeout(30) as timeout:
            with atomic(alias):
                alias.value("SELECT 1")
                gevent.get_hub().loop.run_callback(gevent.getcurrent().throw, timeout)
                if fails:
                    raise ZeroDivisionError
        assert caught.value is timeout
        assert alias.value("SELECT 1") == 1
    usable(alias)
