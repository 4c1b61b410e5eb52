"""The process has no file descriptor left, as under a flood of clients."""

import os
import resource
from contextlib import contextmanager

import gevent
import pytest
from django.db import OperationalError
from support.waiting import eventually, join, running


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


@pytest.mark.parametrize("reason", [gevent.Timeout, gevent.GreenletExit])
def test_an_interruption_arrives_and_the_slot_is_free(make_alias, reason):
    alias = make_alias(maxsize=1, cancel_timeout=0.1)
    reasons = []

    def query():
        with pytest.raises(reason) as caught, alias.request():
            alias.value("SELECT pg_sleep(2)")
        reasons.append(caught.type)

    alias.ask("SELECT 1")
    with running(query) as (victim,):
        eventually(lambda: alias.states == ["active"])
        with no_descriptor_left():
            victim.kill(reason)
    assert reasons == [reason]
    assert alias.pool.snapshot().size == 0
    assert alias.ask("SELECT 1") == 1
