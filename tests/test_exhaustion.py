"""All connections taken: waiting, PoolExhausted, and what the server cannot give."""

import pickle

import django.db
import gevent
import pytest
from django.db import transaction
from support.driver import database
from support.waiting import Elapsed, eventually, join, running

from django_pgpool import PoolExhausted


@pytest.fixture
def taken(make_alias):
    """A pool of two with both connections in use."""
    alias = make_alias(maxsize=2, maxwait=20)

    def hold():
        with alias.request():
            alias.value("SELECT 1")
            gevent.sleep(60)

    with running(hold, hold):
        eventually(lambda: alias.pool.snapshot().in_use == 2 and alias.states == ["idle"] * 2)
        alias.pool.maxwait = 0.2
        yield alias


def test_pool_exhausted_is_an_operational_error_of_django_itself(taken):
    with pytest.raises(django.db.OperationalError) as caught:
        taken.value("SELECT 1")
    error = caught.value
    assert type(error) is PoolExhausted  # not rebuilt from its arguments by DatabaseErrorWrapper
    assert error.__cause__ is None
    assert error.waited >= 0.2
    assert (error.snapshot.pool, error.snapshot.in_use) == (taken.name, 2)
    assert not issubclass(PoolExhausted, database.Error)


def test_its_message_says_what_happened_and_what_to_change(taken):
    with pytest.raises(PoolExhausted) as caught:
        taken.value("SELECT 1")
    assert str(caught.value) == (
        f"Pool {taken.name!r}: no connection within maxwait=0.2 s (waited "
        f"{caught.value.waited:.2f} s). maxsize=2: in use 2, opening 0, idle 0; waiting 0. All "
        "connections are busy: hold them for less time, or raise OPTIONS['maxsize'] (within the "
        "server's max_connections) or OPTIONS['maxwait']."
    )


def test_it_can_be_pickled_as_parallel_tests_do(taken):
    with pytest.raises(PoolExhausted) as caught:
        taken.value("SELECT 1")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is PoolExhausted
    assert str(copy) == str(caught.value)


def test_the_models_and_atomic_raise_it_too(taken):
    with pytest.raises(PoolExhausted), transaction.atomic(using=taken.name):
        pass
    with pytest.raises(PoolExhausted):
        taken.wrapper.ensure_connection()
    assert taken.wrapper.connection is None
    assert not taken.wrapper.in_atomic_block


def test_nobody_waits_longer_than_maxwait_and_nobody_opens_more(taken):
    def ask():
        with pytest.raises(PoolExhausted):
            taken.ask("SELECT 1")

    with Elapsed() as elapsed, running(*[ask] * 50) as greenlets:
        # They wait, or have done so.
        eventually(lambda: (now := taken.pool.snapshot()).waiting + now.exhausted == 50)
        assert taken.backends == 2
        join(greenlets)
    assert elapsed.seconds < 15
    assert taken.pool.snapshot().exhausted == 50


def test_more_than_maxwaiting_callers_are_turned_away_at_once(make_alias):
    alias = make_alias(maxsize=1, maxwait=30, maxwaiting=1)
    with alias.request():
        alias.value("SELECT 1")
        with running(lambda: alias.ask("SELECT 1")):
            eventually(lambda: alias.pool.snapshot().waiting == 1)
            with Elapsed() as elapsed:
                (greenlet,) = [gevent.spawn(lambda: alias.ask("SELECT 1"))]
                with pytest.raises(PoolExhausted) as caught:
                    greenlet.get(timeout=20)
    assert elapsed.seconds < 15
    assert str(caught.value) == (
        f"Pool {alias.name!r}: 1 caller is waiting already (maxwaiting=1). maxsize=1: in use 1, "
        "opening 0, idle 0; waiting 1. Hold connections for less time, or raise "
        "OPTIONS['maxsize'] (within the server's max_connections) or OPTIONS['maxwaiting']."
    )


def test_a_waiter_gets_the_released_connection(make_alias):
    alias = make_alias(maxsize=1, maxwait=20)
    pid = alias.pid()
    with running(lambda: alias.ask("SELECT pg_backend_pid()")) as greenlets:
        eventually(lambda: alias.pool.snapshot().waiting == 1)
        alias.close()
        assert join(greenlets) == [pid]


def test_at_the_connection_limit_of_the_server_callers_wait_for_a_release(make_alias, server):
    """53300 while connections are in use: a release will come sooner than the administrator."""
    role = server.make_role("LOGIN PASSWORD 'secret' CONNECTION LIMIT 2")
    alias = make_alias(maxsize=10, maxwait=20, USER=role, PASSWORD="secret")
    with running(*[lambda: alias.ask("SELECT pg_sleep(0.1) IS NULL")] * 12) as greenlets:
        eventually(lambda: alias.pool.snapshot().open_failures)
        join(greenlets)
    eventually(lambda: alias.pool.snapshot().opening == 0)  # one more that is in vain
    assert alias.pool.snapshot().size <= 2


def test_the_last_opening_error_is_in_the_message_and_the_cause(make_alias, server):
    role = server.make_role("LOGIN PASSWORD 'secret' CONNECTION LIMIT 1")
    alias = make_alias(maxsize=5, maxwait=60, USER=role, PASSWORD="secret")
    with alias.request():
        alias.value("SELECT 1")
        with running(lambda: alias.ask("SELECT 1")):
            eventually(lambda: alias.pool.snapshot().open_failures)
            alias.pool.maxwait = 0.5
            with running(lambda: alias.ask("SELECT 1")) as greenlets:
                with pytest.raises(PoolExhausted) as caught:
                    greenlets[0].get(timeout=20)
    assert "The last attempt to open a connection failed: " in str(caught.value)
    assert "too many connections for role" in str(caught.value)
    assert isinstance(caught.value.__cause__, database.OperationalError)
