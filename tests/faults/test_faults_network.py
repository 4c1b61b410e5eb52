"""A network that keeps every socket open and forwards nothing. The long versions: make chaos."""

import os
import socket

import gevent
import pytest
from chaos.proxy import WAIT, Proxy, fallen
from django.db import OperationalError
from support.waiting import Elapsed, eventually, hub_watched, join, running

from django_pgpool import PoolExhausted


@pytest.fixture
def proxy(server):
    host, port = server.params.get("host") or "127.0.0.1", int(server.params.get("port") or 5432)
    with Proxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)) as proxy:
        yield proxy


@pytest.fixture
def hub_turns():
    with hub_watched() as longest:
        yield longest
    assert longest[0] < 0.7, f"the hub stood still for {longest[0]:.1f} s"


def failure(greenlet):
    with pytest.raises(OperationalError) as caught:
        greenlet.get(timeout=30)
    return caught.value


def test_a_fallen_statement_ends_at_read_timeout_and_its_slot_is_free(make_alias, proxy, hub_turns):
    alias = make_alias(maxsize=2, read_timeout=2, cancel_timeout=0.2, **proxy.params)

    def in_transaction():
        with alias.request() as wrapper:
            wrapper.set_autocommit(False)
            alias.value(WAIT)

    with Elapsed() as elapsed:
        for greenlet in fallen(alias, proxy, lambda: alias.ask(WAIT), in_transaction):
            assert "read_timeout" in str(failure(greenlet))
    assert elapsed.seconds < 15
    assert alias.pool.snapshot().in_use == 0
    eventually(lambda: alias.pool.snapshot().size == 0)
    proxy.forward()
    assert alias.ask("SELECT 1") == 1


def test_more_kills_in_the_hole_than_there_are_threads_stop_nobody(make_alias, proxy, hub_turns):
    """The cancels fall into it, too. psycopg2's own would stop the whole process."""
    alias = make_alias(maxsize=12, cancel_timeout=1, **proxy.params)
    victims = fallen(alias, proxy, *[lambda: alias.ask(WAIT)] * 12)
    with Elapsed() as elapsed:
        gevent.killall(victims, timeout=30)
    assert all(victim.dead for victim in victims)
    assert elapsed.seconds < 8, "one after the other"
    with gevent.Timeout(20):
        assert gevent.get_hub().threadpool.apply(lambda: "free") == "free"
    proxy.forward()


def test_waiters_end_at_maxwait_while_all_connections_are_in_the_hole(make_alias, proxy, hub_turns):
    alias = make_alias(maxsize=2, maxwait=60, **proxy.params)
    holders = fallen(alias, proxy, *[lambda: alias.ask(WAIT)] * 2)
    alias.pool.maxwait = 0.3
    with Elapsed() as elapsed, running(*[lambda: alias.ask("SELECT 1")] * 10) as waiters:
        for waiter in waiters:
            assert isinstance(failure(waiter), PoolExhausted)
    assert elapsed.seconds < 15
    proxy.forward()
    assert join(holders) == [False, False]
    assert alias.pool.snapshot().in_use == 0


@pytest.mark.long
def test_an_idle_connection_in_the_hole_costs_a_ping_and_is_replaced(make_alias, proxy):
    alias = make_alias(
        maxsize=1, maxwait=20, connect_timeout=2, CONN_HEALTH_CHECKS=True, **proxy.params
    )
    alias.ask("SELECT 1")
    gevent.sleep(1.05)  # PING_AFTER
    proxy.swallow()
    with running(lambda: alias.ask("SELECT 1")) as greenlets:
        assert "connect_timeout=2 s" in str(failure(greenlets[0]))
    proxy.forward()
    eventually(lambda: alias.pool.snapshot().closing == 0)
    assert alias.pool.snapshot().evictions == {"broken": 1}


def test_what_the_hole_held_back_reaches_nobody_else(make_alias, proxy):
    """The answer of a statement that was given up arrives later."""
    alias = make_alias(maxsize=2, maxwait=20, read_timeout=2, cancel_timeout=0.1, **proxy.params)
    (victim,) = fallen(alias, proxy, lambda: alias.ask(f"SELECT 'late' WHERE NOT ({WAIT})"))
    failure(victim)
    proxy.forward()
    for number in range(10):
        assert alias.ask("SELECT %s", number) == number


KEEPALIVES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
USER_TIMEOUT = {"TCP_USER_TIMEOUT": 30_000}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, KEEPALIVES | USER_TIMEOUT),
        ({"tcp_user_timeout": 7000}, KEEPALIVES | {"TCP_USER_TIMEOUT": 7000}),
        ({"keepalives_idle": 7}, USER_TIMEOUT | {"TCP_KEEPIDLE": 7}),
    ],
    ids=["none set", "a time-out set", "a keepalive set"],
)
def test_the_sockets_options_are_the_defaults_of_each_group_that_is_not_set(
    make_alias, proxy, own, expected
):
    """The system's own, which count where a group is set in part, are none of these."""
    alias = make_alias(maxsize=1, **proxy.params, **own)
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        with socket.socket(fileno=os.dup(wrapper.connection.fileno())) as duplicate:
            told = {
                name: duplicate.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in KEEPALIVES | USER_TIMEOUT
            }
            assert duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert told.items() >= expected.items()
    changed = told.keys() - expected.keys()
    assert not any(told[name] == KEEPALIVES[name] for name in changed)
