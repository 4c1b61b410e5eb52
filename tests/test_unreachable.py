"""Servers that refuse, that never answer, or that do not know the password."""

import socket
from contextlib import closing

import gevent
import pytest
from django.db import OperationalError
from psycopg2 import sql
from psycopg2.extensions import parse_dsn
from support import listeners
from support.driver import database, opener
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import Elapsed, eventually, join, running

from django_pgpool import PoolExhausted

REMOTE = {"HOST": "127.0.0.1", "NAME": "shop", "USER": "shop"}
"""For tests that must not reach the database of the tests."""


@pytest.fixture
def refused_port():
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))  # bound, and nobody listens
        yield listener.getsockname()[1]


@pytest.fixture
def black_hole():
    with listeners.black_hole() as port:
        yield port


def failure(alias):
    with pytest.raises(OperationalError) as caught:
        alias.value("SELECT 1")
    assert not isinstance(caught.value, PoolExhausted), caught.value
    assert isinstance(caught.value.__cause__, database.OperationalError)
    return str(caught.value)


def test_a_refused_connection_is_the_drivers_error_at_once(make_alias, refused_port):
    alias = make_alias(**REMOTE, PORT=refused_port, maxwait=60)
    with Elapsed() as elapsed:
        assert "Connection refused" in failure(alias)
    assert elapsed.seconds < 10
    assert alias.wrapper.connection is None
    assert alias.pool.snapshot().size == 0


def test_during_an_outage_nobody_waits_for_maxwait(make_alias, refused_port):
    alias = make_alias(**REMOTE, PORT=refused_port, maxsize=5, maxwait=60)

    def ask():
        with alias.request(), pytest.raises(OperationalError):
            alias.value("SELECT 1")

    with Elapsed() as elapsed, running(*[ask] * 50) as greenlets:
        join(greenlets, 50)
    assert elapsed.seconds < 20
    assert alias.pool.snapshot().open_failures < 50  # they back off


def test_a_black_hole_costs_connect_timeout(make_alias, black_hole):
    """psycogreen ignores libpq's connect_timeout: without a bound of our own this is for ever."""
    alias = make_alias(**REMOTE, PORT=black_hole, maxwait=60, connect_timeout="0.3")
    with Elapsed() as elapsed:
        said = failure(alias)
    assert said == (
        f'connection to server at "127.0.0.1", port {black_hole} failed: timeout expired: opening '
        "a connection took longer than connect_timeout=0.3 s. Can it be reached from here "
        "(address, firewall)? Where it is only slow, raise OPTIONS['connect_timeout']."
    )
    assert 0.3 <= elapsed.seconds < 10
    assert alias.pool.snapshot().size == 0


def test_a_black_hole_stops_nobody_else(make_alias, black_hole):
    alias = make_alias(**REMOTE, PORT=black_hole, connect_timeout=30)
    other = make_alias(maxsize=1)
    with running(lambda: alias.ask("SELECT 1")):
        eventually(lambda: alias.pool.snapshot().opening)
        assert other.ask("SELECT 1") == 1


def test_a_timeout_of_the_caller_is_not_lengthened_by_the_black_hole(make_alias):
    with listeners.black_hole() as port:
        alias = make_alias(**REMOTE, PORT=port, connect_timeout=60)
        with Elapsed() as elapsed, pytest.raises(gevent.Timeout), gevent.Timeout(0.1):
            alias.value("SELECT 1")
    assert elapsed.seconds < 10
    eventually(lambda: alias.pool.snapshot().size == 0)


def test_a_database_that_does_not_exist_is_the_servers_error(make_alias):
    alias = make_alias(NAME="no_such_database", maxwait=60)
    with Elapsed() as elapsed:
        assert 'database "no_such_database" does not exist' in failure(alias)
    assert elapsed.seconds < 10


def test_a_rotated_password_counts_at_the_next_opening_without_a_restart(make_alias, server):
    role = server.make_role("LOGIN PASSWORD 'first'")
    change = sql.SQL("ALTER ROLE {} PASSWORD {}")

    def rotate(password):
        server.execute(change.format(sql.Identifier(role), sql.Literal(password)))

    with server.asking_for_passwords(role):
        if not server.checks_passwords(role):
            pytest.skip("DATABASE_URL's server lets this role in without its password")
        alias = make_alias(maxsize=2, USER=role, PASSWORD="first")
        old = alias.ask("SELECT pg_backend_pid()")
        pool = alias.pool
        rotate("second")
        assert alias.ask("SELECT pg_backend_pid()") == old  # open connections stay
        alias.settings["PASSWORD"] = "second"
        server.terminate(old)
        assert alias.ask("SELECT current_user") == role
        assert alias.pool is pool
        with alias.request():  # and for the second physical connection
            alias.value("SELECT 1")
            with running(lambda: alias.ask("SELECT current_user")) as greenlets:
                assert join(greenlets) == [role]
        rotate("third")
        server.terminate(*alias.pids)
        assert "password authentication failed" in failure(alias)
        alias.settings["PASSWORD"] = "third"
        assert alias.ask("SELECT current_user") == role


def test_every_physical_connection_asks_for_its_parameters_anew(make_alias):
    alias = make_alias(maxsize=1)
    alias.ask("SELECT 1")
    password = "a new one each time"
    seen = []
    connect = opener().connect

    def spy(**params):
        seen.append({**params, **parse_dsn(params.get("dsn", ""))}["password"])
        return connect(**params)

    for number in range(3):
        alias.settings["PASSWORD"] = f"{password} {number}"
        alias.server.terminate(*alias.pids)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opener(), "connect", spy)
            alias.ask("SELECT 1")
    assert seen == [f"{password} {number}" for number in range(3)]


def test_a_new_password_counts_though_nobody_has_asked_since(make_alias, monkeypatch):
    """The pool opens by itself to keep ``minsize``."""
    alias = make_alias(maxsize=1, minsize=1, PASSWORD="old")
    old = alias.ask("SELECT pg_backend_pid()")
    pool = alias.pool
    seen = []
    connect = opener().connect

    def spy(**params):
        seen.append({**params, **parse_dsn(params.get("dsn", ""))}["password"])
        return connect(**params)

    monkeypatch.setattr(opener(), "connect", spy)
    alias.settings["PASSWORD"] = "new"
    pool.drain()
    eventually(lambda: pool.snapshot().idle == 1 and alias.pids - {old})
    assert seen == ["new"]


def test_the_first_opening_of_a_process_is_bounded_too(server):
    """The driver becomes green with the first opening, not after it."""
    result = run_python(
        PATCHED
        + DJANGO
        + """
import socket, time
from django.db import OperationalError
hole = socket.create_server(("127.0.0.1", 0))
settings = connections.databases["default"]
settings.update(HOST="127.0.0.1", PORT=str(hole.getsockname()[1]))
settings["OPTIONS"].update(connect_timeout=0.3, maxwait=20)
try:
    connection.ensure_connection()
except OperationalError as error:
    print(error)
"""
    )
    assert "connect_timeout=0.3" in result.stdout
    assert result.returncode == 0
