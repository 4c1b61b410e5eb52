"""Sessions that the server has ended, and servers that do not answer."""

import os
import signal

import pytest
from django.db import OperationalError
from support.waiting import Elapsed, eventually, join, running

from django_pgpool import registry
from loadtests.postgres import ThrowAwayPostgres


def together(alias, count):
    """Take ``count`` connections at the same time and give them back; returns their pids."""
    pids = []

    def hold():
        with alias.request():
            pids.append(alias.pid())
            eventually(lambda: len(pids) == count)

    with running(*[hold] * count) as greenlets:
        join(greenlets)
    return set(pids)


def test_an_idle_connection_that_the_server_has_ended_is_never_handed_out(make_alias):
    alias = make_alias(maxsize=8, cleanup=None)
    before = together(alias, 8)
    alias.server.terminate(*before)
    after = together(alias, 8)  # every one of these queries works at the first attempt
    assert not before & after
    assert alias.pool.snapshot().evictions == {"broken": 8}


def test_finding_out_costs_no_message_to_the_server(alias, server):
    pid = alias.ask("SELECT pg_backend_pid()")
    eventually(lambda: alias.states == ["idle"])
    before = server.last_message(pid)
    for _ in range(10):
        with alias.request() as wrapper:
            wrapper.ensure_connection()
    assert server.last_message(pid) == before


def test_one_dead_connection_does_not_empty_the_pool(make_alias):
    alias = make_alias(maxsize=4, cleanup=None)
    before = together(alias, 4)
    victim = min(before)
    alias.server.terminate(victim)
    assert together(alias, 3) <= before - {victim}


def test_one_session_terminated_under_a_statement_does_not_empty_the_pool(make_alias):
    alias = make_alias(maxsize=4, cleanup=None)
    before = together(alias, 4)
    with alias.request(), pytest.raises(OperationalError, match="administrator command"):
        victim = alias.pid()
        alias.value("SELECT pg_terminate_backend(pg_backend_pid())")
    eventually(lambda: alias.pool.snapshot().evictions == {"terminated": 1})
    assert together(alias, 3) == before - {victim}


@pytest.fixture
def short_ping(monkeypatch):
    """However short it was idle it is long enough for a ping."""
    assert registry.PING_AFTER == 1.0
    monkeypatch.setattr(registry, "PING_AFTER", 0.0)


@pytest.mark.parametrize("checks", [False, True])
def test_health_checks_ping_only_what_was_idle_for_long(make_alias, server, short_ping, checks):
    alias = make_alias(maxsize=1, CONN_HEALTH_CHECKS=checks)
    pid = alias.ask("SELECT pg_backend_pid()")
    eventually(lambda: alias.states == ["idle"])
    before = server.last_message(pid)
    with alias.request() as wrapper:
        wrapper.ensure_connection()
    assert alias.pids == {pid}
    assert (server.last_message(pid) != before) == checks


def test_health_checks_do_not_ping_what_was_used_just_now(make_alias, server, monkeypatch):
    monkeypatch.setattr(registry, "PING_AFTER", 60.0)  # "just now" for a machine that stands still
    alias = make_alias(maxsize=1, CONN_HEALTH_CHECKS=True)
    pid = alias.ask("SELECT pg_backend_pid()")
    eventually(lambda: alias.states == ["idle"])
    before = server.last_message(pid)
    for _ in range(5):
        with alias.request() as wrapper:
            wrapper.ensure_connection()
    assert server.last_message(pid) == before


def test_a_session_that_does_not_answer_the_ping_is_replaced(make_alias, server, short_ping):
    if not server.embedded:
        pytest.skip("the server's processes must be here to be stopped")
    alias = make_alias(maxsize=2, maxwait=60, CONN_HEALTH_CHECKS=True, connect_timeout=30)
    pid = alias.ask("SELECT pg_backend_pid()")
    assert alias.pool._driver._connect_timeout == 30
    alias.pool._driver._connect_timeout = 0.3  # the ping's; the opening's is as it was
    os.kill(pid, signal.SIGSTOP)
    try:
        with Elapsed() as elapsed:
            assert alias.ask("SELECT pg_backend_pid()") != pid
        assert elapsed.seconds < 15
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_statement_that_kills_its_own_session_raises_and_the_next_request_works(alias):
    with alias.request(), pytest.raises(OperationalError, match="terminating connection"):
        alias.value("SELECT pg_terminate_backend(pg_backend_pid())")
    assert alias.ask("SELECT 1") == 1
    assert alias.pool.snapshot().size == 1


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_after_a_restart_of_the_server_every_request_works_again(make_alias, mode):
    with ThrowAwayPostgres() as other:
        alias = make_alias(
            maxsize=5, NAME="postgres", USER="postgres", HOST=other.params["host"], PORT=5432
        )
        on_other = "SELECT current_setting('data_directory')"
        assert alias.ask(on_other) == other.params["host"]
        with alias.request():  # one in use, four idle
            alias.value("SELECT 1")
            with running(*[lambda: alias.ask("SELECT pg_sleep(0.05)")] * 4) as greenlets:
                join(greenlets)
            other.restart(mode)
        with running(*[lambda: alias.ask(on_other)] * 20) as greenlets:
            assert join(greenlets) == [other.params["host"]] * 20
        assert alias.pool.snapshot().in_use == 0
        alias.wrapper.close_pool()
