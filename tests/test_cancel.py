"""A statement that nobody waits for any more does not go on at the server."""

from unittest.mock import Mock

import gevent
import pytest
from django.db import OperationalError
from psycogreen.gevent import gevent_wait_callback
from psycopg2.extensions import get_wait_callback, set_wait_callback
from support.driver import database, only_psycopg2
from support.interrupting import most_cancels_of_a_kill
from support.waiting import Elapsed, eventually, running

from django_pgpool.drivers import cancel as cancelling
from django_pgpool.drivers import ending
from django_pgpool.drivers.chosen import make_green


@pytest.mark.parametrize("how", ["timeout", "kill"])
def test_a_statement_is_cancelled_at_the_server(alias, server, how):
    pid = alias.ask("SELECT pg_backend_pid()")
    if how == "timeout":
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
            alias.value("SELECT pg_sleep(60)")
    else:
        with running(lambda: alias.ask("SELECT pg_sleep(60)")) as (victim,):
            eventually(lambda: alias.states == ["active"])
            victim.kill()
    eventually(lambda: pid not in alias.pids, "the statement is still running")


def test_a_slot_counts_until_the_killed_statement_has_ended(alias, server):
    alias.ask("SELECT 1")
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
        alias.value("SELECT pg_sleep(60)")
    for _ in range(20):
        assert alias.backends <= 1
        gevent.sleep(0)
    alias.ask("SELECT 1")
    assert alias.backends == 1


def test_without_cancel_timeout_it_runs_on(make_alias, server):
    alias = make_alias(maxsize=1, cancel_timeout=None)
    pid = alias.ask("SELECT pg_backend_pid()")
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
        alias.value("SELECT pg_sleep(60)")
    eventually(lambda: alias.states == ["active"])  # it may not have read it yet
    server.terminate(pid)


@pytest.fixture
def silence(monkeypatch):
    """A server that does not answer to a cancel; has it been waited for?"""

    def wait_for(descriptor, event, seconds, **kwargs):
        gevent.sleep(seconds)
        raise TimeoutError

    silence = Mock(side_effect=wait_for)
    monkeypatch.setattr(cancelling, "wait_for", silence)
    return silence


@pytest.fixture(params=["non-blocking", "blocking"])
def libpq(request, monkeypatch):
    """The binary packages have a libpq with non-blocking cancels; an older one must do, too."""
    blocking = request.param == "blocking"
    if blocking:
        monkeypatch.setattr(cancelling, "_non_blocking", None)
    in_thread = Mock(wraps=cancelling._cancel_in_thread)
    monkeypatch.setattr(cancelling, "_cancel_in_thread", in_thread)
    yield
    assert in_thread.called == blocking


@pytest.mark.usefixtures("libpq")
def test_either_kind_of_libpq_cancels(alias):
    pid = alias.ask("SELECT pg_backend_pid()")
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
        alias.value("SELECT pg_sleep(60)")
    eventually(lambda: pid not in alias.pids, "the statement is still running")


def test_a_cancel_that_overtakes_its_statement_is_repeated(alias, monkeypatch):
    """A server that has not read the statement yet ignores it."""
    pid = alias.ask("SELECT pg_backend_pid()")
    cancels = []

    def overtaking(connection, seconds):
        cancels.append(seconds)
        if len(cancels) > 1:
            cancelling.cancel(connection, seconds)

    monkeypatch.setattr(ending, "cancel", overtaking)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
        alias.value("SELECT pg_sleep(60)")
    eventually(lambda: pid not in alias.pids, "the statement is still running")
    assert len(cancels) >= 2


def test_a_server_that_waits_for_the_rest_of_a_long_statement_need_not_wait(make_alias, cancels):
    alias = make_alias(maxsize=1, maxwait=20, cancel_timeout=10)
    text = "x" * 5_000_000
    most = most_cancels_of_a_kill(
        lambda: alias.ask("SELECT length(%s)", text),
        cancels,
        kills=5,  # of the opening and of the first parts of the statement
    )
    assert most > 1, "it did not wait for the rest: this test shows nothing"


def test_a_cancel_that_takes_too_long_is_not_waited_for(make_alias, server, silence):
    alias = make_alias(maxsize=1, cancel_timeout=0.05)
    pid = alias.ask("SELECT pg_backend_pid()")
    with Elapsed() as elapsed:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), alias.request():
            alias.value("SELECT pg_sleep(60)")
    assert elapsed.seconds < 20
    assert silence.called
    assert all(called.args[2] <= 0.05 for called in silence.call_args_list)
    assert alias.pool.snapshot().in_use == 0
    server.terminate(pid)


def test_an_outer_timeout_during_the_cancel_is_not_lost(make_alias, server, silence):
    alias = make_alias(maxsize=1, cancel_timeout=60.0)
    pid = alias.ask("SELECT pg_backend_pid()")
    inner, outer = gevent.Timeout(), gevent.Timeout()  # thrown below

    def ask():
        with pytest.raises(gevent.Timeout) as caught:
            alias.ask("SELECT pg_sleep(60)")
        return caught.value

    with running(ask) as (greenlet,):
        eventually(lambda: alias.states == ["active"])
        greenlet.kill(inner, block=False)
        eventually(lambda: silence.called)
        greenlet.kill(outer, block=False)
        assert greenlet.get(timeout=20) is outer
    server.terminate(pid)


def test_read_timeout_ends_a_statement_in_silence(make_alias):
    alias = make_alias(maxsize=1, read_timeout=20, cancel_timeout=20)
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        assert wrapper.connection.read_timeout == 20
        wrapper.connection.read_timeout = 0.1  # which only this statement has to meet
        with pytest.raises(OperationalError, match=r"sent nothing for read_timeout=0\.1 s"):
            alias.value("SELECT pg_sleep(60)")
    eventually(lambda: alias.backends == 0)
    eventually(lambda: alias.pool.snapshot().evictions == {"broken": 1})
    assert alias.ask("SELECT 1") == 1


def test_read_timeout_does_not_end_a_statement_that_answers(make_alias):
    """However long it takes in all."""
    alias = make_alias(maxsize=1, read_timeout=1.7)
    rows = "SELECT repeat('x', 10000), pg_sleep(0.2) FROM generate_series(1, 10)"
    with alias.request() as wrapper, wrapper.cursor() as cursor:
        cursor.execute(rows)
        assert len(cursor.fetchall()) == 10


@only_psycopg2("psycopg has no wait callback")
@pytest.mark.parametrize("before", [None, gevent_wait_callback])
def test_psycogreens_callback_is_taken_over(before):
    from django_pgpool.drivers.waiting import wait

    set_wait_callback(before)
    make_green()
    assert get_wait_callback() is wait


@only_psycopg2("psycopg has no wait callback")
def test_a_sites_own_callback_stays():
    def own(connection):
        gevent_wait_callback(connection)

    set_wait_callback(own)
    try:
        make_green()
        assert get_wait_callback() is own
    finally:
        set_wait_callback(None)
        make_green()


@only_psycopg2("psycopg leaves them open")
def test_connections_that_are_not_the_pools_wait_as_they_always_did(server):
    plain = database.connect(**server.params)
    pid = plain.info.backend_pid
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        plain.cursor().execute("SELECT pg_sleep(60)")
    assert plain.closed
    server.terminate(pid)
