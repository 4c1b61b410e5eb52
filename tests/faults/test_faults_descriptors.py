"""The process has no file descriptor left, as under a flood of clients."""

import os
import resource
from contextlib import contextmanager

import gevent
import pytest
from django.db import OperationalError
from support.driver import database
from support.waiting import eventually, join, running

from django_pgpool.drivers.hints import with_hint


@contextmanager
def no_descriptor_left():
    """But for those that are closed meanwhile."""
    lowest_free = os.dup(0)
    os.close(lowest_free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.dup(0)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_opening_fails_with_the_reason_and_the_next_one_works(make_alias):
    alias = make_alias(maxsize=2)
    expected = r"^connection to server .* failed: Too many open files\. This process has no file"
    with no_descriptor_left(), pytest.raises(OperationalError, match=expected):
        alias.ask("SELECT 1")
    assert alias.pool.snapshot().size == 0
    assert alias.ask("SELECT 1") == 1


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  out of file descriptors: Too many open files; release and retry",
        "FATAL:  could not open file: Too many open files",
        "could not create socket: Too many open files in system",
    ],
)
def test_the_distress_of_others_is_not_taken_for_that_of_this_process(said):
    assert with_hint(said) == said


def test_who_cannot_have_another_connection_waits_for_one_in_use(make_alias):
    alias = make_alias(maxsize=2)
    with alias.request():
        pid = alias.pid()
        with no_descriptor_left(), running(alias.pid) as greenlets:
            eventually(lambda: alias.pool.snapshot().open_failures)
            alias.close()
            assert join(greenlets) == [pid]


def test_what_is_there_serves_on(make_alias):
    alias = make_alias(maxsize=2)
    pid = alias.pid()
    with no_descriptor_left():
        for _ in range(3):
            with alias.request() as wrapper, wrapper.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SET application_name = 'left behind'")
        assert alias.pid() == pid
        assert alias.ask("SHOW application_name") != "left behind"


def test_a_connection_is_closed_though_somebody_holds_on_to_it(make_alias):
    alias = make_alias(maxsize=1)
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        connection = wrapper.connection
    with no_descriptor_left():
        alias.pool.drain()
        assert connection.closed
        assert alias.pool.snapshot().size == 0
    eventually(lambda: not alias.backends)


def test_so_is_one_on_which_somebody_else_runs_a_statement(make_alias):
    alias = make_alias(maxsize=1, cancel_timeout=0.1)
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        connection = wrapper.connection

        def other():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(60)")

        with running(other) as (greenlet,):
            eventually(lambda: alias.states == ["active"])
            with no_descriptor_left():
                alias.close()
                eventually(lambda: greenlet.dead)
                assert isinstance(greenlet.exception, database.Error)
        assert connection.closed
        eventually(lambda: alias.pool.snapshot().size == 0)
    alias.server.terminate(*alias.pids)  # nobody could cancel the statement


@pytest.mark.parametrize("reason", [gevent.Timeout, gevent.GreenletExit])
def test_an_interruption_arrives_and_the_slot_is_free(make_alias, reason):
    alias = make_alias(maxsize=1, cancel_timeout=0.1)
    reasons = []

    def query():
        with pytest.raises(reason) as caught, alias.request():
            alias.value("SELECT pg_sleep(60)")
        reasons.append(caught.type)

    alias.ask("SELECT 1")
    with running(query) as (victim,):
        eventually(lambda: alias.states == ["active"])
        with no_descriptor_left():
            victim.kill(reason)
    assert reasons == [reason]
    assert alias.pool.snapshot().size == 0
    assert alias.ask("SELECT 1") == 1
    alias.server.terminate(*alias.pids)
