"""Servers that stop, restart, refuse, or are not the primary any more: servers of our own.

The long versions: make chaos.
"""

import json
import logging
import time
import traceback
from statistics import median

import gevent
import psycopg2
import pytest
from chaos.cluster import Postgres, template
from chaos.outages import Openings
from chaos.world import LOCALHOST, Monitor, free_port, on_tcp, usable
from django.db import Error, OperationalError
from support.listeners import black_hole
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import Elapsed, eventually, join, running

from django_pgpool import PoolExhausted
from django_pgpool.pool import growth
from django_pgpool.pool.growth import FIRST
from loadtests.replica import PRIMARY, Standby, commit_on_both

SECRET = "correct horse battery staple"


@pytest.fixture(scope="module", autouse=True)
def copies():
    with template():
        yield


@pytest.fixture(scope="module")
def postgres():
    with Postgres({**on_tcp(), "log_min_messages": "debug1"}) as postgres:
        yield postgres


def at(postgres):
    """Settings of an alias there."""
    params = postgres.params
    return {"HOST": params["host"], "PORT": params["port"], "NAME": "postgres", "USER": "postgres"}


def over_tcp(postgres):
    return {**at(postgres), "HOST": LOCALHOST}


def test_while_the_server_is_down_errors_are_fast_and_attempts_few(make_alias, postgres):
    alias = make_alias(maxsize=5, maxwait=60, **over_tcp(postgres))
    seconds, errors = [], set()

    def visit():
        while not over:
            with Elapsed() as elapsed:
                try:
                    alias.ask("SELECT 1")
                except OperationalError as error:
                    errors.add((type(error), "refused" in str(error)))
            seconds.append(elapsed.seconds)
            gevent.sleep(0.01)

    over = []
    assert alias.ask("SELECT 1") == 1
    postgres.stop()
    gone = time.monotonic()
    try:
        with Openings() as openings, running(*[visit] * 10) as visitors:
            gevent.sleep(2.5)
            eventually(lambda: len(openings.all) >= FIRST + 3 and len(seconds) > 200)
            over.append(True)
            join(visitors)
    finally:
        down = time.monotonic() - gone
        postgres.start()
    assert errors == {(OperationalError, True)}
    assert max(seconds) < 15, "nobody waits for maxwait"
    assert median(seconds) < 0.2, "nor for the next attempt"
    assert len(openings.all) - FIRST <= 3 + 2 * down, openings.all
    later = sorted(openings.all)[FIRST:]  # the first ones find out
    assert Openings.together(later) == 1
    eventually(lambda: works(alias))


def works(alias):
    try:
        return alias.ask("SELECT 1") == 1
    except OperationalError:
        return False


def test_a_crash_of_the_server_fails_nobody_but_the_statements_in_flight(
    make_alias, postgres, monkeypatch
):
    monkeypatch.setattr(growth, "PATIENCE", 60)  # however long the restart takes
    alias = make_alias(maxsize=3, maxwait=60, **at(postgres))
    unsent, sent, over = [], [], []

    def visit():
        while not over:
            began = None
            try:
                with alias.request() as wrapper:
                    wrapper.ensure_connection()
                    began = time.monotonic()
                    alias.value("SELECT pg_sleep(0.01)")
                    gevent.sleep(0.005)  # held without a statement: passed on when it is dead
            except Error as error:
                (unsent if began is None else sent).append((began, error))

    with running(*[visit] * 20) as visitors:
        eventually(lambda: alias.pool.snapshot().acquires > 50)
        postgres.stop("immediate")
        gone = time.monotonic()
        postgres.start()
        eventually(lambda: alias.pool.snapshot().openings >= 6)
        over.append(True)
        join(visitors)
    assert unsent == []
    assert [error for began, error in sent if began > gone] == []
    assert len(sent) <= 3
    assert alias.pool.snapshot().in_use == 0


@pytest.mark.parametrize(
    ("what", "settings", "text"),
    [
        ("no TLS", {"sslmode": "require"}, "server does not support SSL"),
        ("unknown database", {"NAME": "nowhere"}, 'database "nowhere" does not exist'),
        ("unknown host", {"HOST": "db.invalid"}, "could not translate host name"),
        ("unknown role", {"USER": "nobody"}, 'role "nobody" does not exist'),
    ],
)
def test_a_refusal_is_the_real_error_at_once_without_storm_or_secrets(
    make_alias, postgres, events, caplog, what, settings, text
):
    settings = {**over_tcp(postgres), "PASSWORD": SECRET, **settings}
    alias = make_alias(maxsize=10, maxwait=60, **settings)

    def visit():
        with alias.request(), pytest.raises(OperationalError, match=text) as caught:
            alias.value("SELECT 1")
        assert not isinstance(caught.value, PoolExhausted)
        return "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__)

    with caplog.at_level(logging.DEBUG), Openings() as openings, Elapsed() as elapsed:
        with running(*[visit] * 30) as greenlets:
            said = join(greenlets)
    assert elapsed.seconds < 15
    assert len(openings.all) <= FIRST + 4, "one more where the machine stood still"
    snapshot = alias.pool.snapshot()
    assert 1 <= snapshot.open_failures <= FIRST + 4  # an unknown host is not connected to
    assert snapshot.size == 0
    assert any(event["event"] == "connection_open_failed" for event in events)
    assert SECRET not in f"{said}{events}{caplog.text}{snapshot}{alias.wrapper!r}{alias.pool!r}"


def test_a_wrong_password_is_said_at_once_and_told_to_nobody(make_alias, server, events, caplog):
    role = server.make_role("LOGIN PASSWORD 'right'")
    with server.asking_for_passwords(role):
        if not server.checks_passwords(role):
            pytest.skip("DATABASE_URL's server lets this role in without its password")
        alias = make_alias(maxsize=5, maxwait=60, USER=role, PASSWORD=SECRET)
        with caplog.at_level(logging.DEBUG), Openings() as openings:
            with running(*[lambda: alias.ask("SELECT 1")] * 30) as greenlets:
                gevent.joinall(greenlets, timeout=30)
    errors = [greenlet.exception for greenlet in greenlets]
    assert {type(error) for error in errors} == {OperationalError}
    assert all("password authentication failed" in str(error) for error in errors)
    assert 1 <= len(openings.all) <= FIRST + 4
    said = "".join("".join(traceback.format_exception(error)) for error in errors)
    assert SECRET not in f"{said}{events}{caplog.text}{alias.pool.snapshot()}"


EXIT = """
import json, threading
connections.databases["default"].update(json.loads(OTHER))

def sleep():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")

def begin(count):
    import django_pgpool
    from gevent import sleep as pause
    for _ in range(count):
        threading.Thread(target=sleep, daemon=True).start()
    while sum(pool.in_use + pool.waiting for pool in django_pgpool.stats()) < count:
        pause(0.01)
    pause(0.2)
"""


@pytest.mark.parametrize("patched", ["", PATCHED], ids=["threads", "gevent"])
@pytest.mark.parametrize("left", ["in use", "in a transaction"])
def test_at_the_interpreters_exit_the_server_is_told(server, postgres, patched, left):
    code = "connection.ensure_connection()"
    if left == "in a transaction":
        code = "connection.set_autocommit(False); connection.cursor().execute('SELECT 1')"
    before = len(postgres.log.read_text())
    run_python(f"{patched}{DJANGO}OTHER = {other(postgres)!r}\n{EXIT}{code}").ok()
    monitor = Monitor(postgres.params)
    eventually(lambda: not monitor.backends("leaver"))
    monitor.close()
    assert "unexpected EOF" not in postgres.log.read_text()[before:]


def test_at_the_interpreters_exit_nothing_runs_on_and_nothing_new_begins(server, postgres):
    """Three statements and three waiters for their connections."""
    code = "begin(6)"
    with Elapsed() as elapsed:
        run_python(f"{PATCHED}{DJANGO}OTHER = {other(postgres)!r}\n{EXIT}{code}").ok()
    assert elapsed.seconds < 15
    monitor = Monitor(postgres.params)
    try:
        eventually(lambda: not monitor.backends("leaver"))
    finally:
        monitor.terminate(*monitor.pids("leaver"))
        monitor.close()


def other(postgres):
    options = {"maxsize": 3, "maxwait": 60, "application_name": "leaver"}
    return json.dumps({**at(postgres), "OPTIONS": options})


@pytest.fixture(scope="module")
def pair():
    """A primary, its standby, and a table in both."""
    settings = on_tcp()
    with Postgres({**PRIMARY, **settings}) as primary:
        monitor = Monitor(primary.params)
        monitor.execute("CREATE TABLE token (value text)")
        monitor.close()
        with Standby(primary, {**settings, "port": free_port()}) as standby:
            commit_on_both(primary)
            yield primary, standby


def test_when_an_administrator_shuts_the_server_down_every_connection_is_replaced(
    make_alias, postgres
):
    alias = make_alias(maxsize=4, **at(postgres))
    assert usable(alias) == 4
    with alias.request(), pytest.raises(OperationalError, match="administrator command"):
        alias.value("SELECT 1")
        postgres.restart("fast")
        eventually(lambda: all(slot.readable() for slot in alias.pool._idle))
        alias.value("SELECT 1")
    replaced = {"terminated": 1, "drained": 3}
    eventually(lambda: alias.pool.snapshot().evictions == replaced)
    assert alias.ask("SELECT 1") == 1


INSERT = "INSERT INTO token VALUES (%s) RETURNING value"


SEARCHES = [
    ("read-write", "silent standby primary", "primary"),
    ("primary", "standby silent primary", "primary"),
    ("read-only", "primary silent standby", "standby"),
    ("standby", "silent primary standby", "standby"),
    ("any", "silent standby primary", "standby"),
    ("prefer-standby", "primary silent standby", "standby"),
    ("prefer-standby", "silent primary", "primary"),
]


def test_the_first_host_of_the_right_kind_is_found_behind_silent_ones(make_alias, pair):
    """All at the same time: connect_timeout has to be long enough for the others."""
    primary, standby = pair
    with black_hole() as hole:
        ports = {"silent": hole, "primary": primary.params["port"]}
        ports["standby"] = standby.params["port"]

        def search(wanted, order):
            listed = [str(ports[host]) for host in order.split()]
            alias = make_alias(
                maxsize=1,
                maxwait=30,
                connect_timeout=2,
                target_session_attrs=wanted,
                **{
                    **at(primary),
                    "HOST": ",".join([LOCALHOST] * len(listed)),
                    "PORT": ",".join(listed),
                },
            )
            return int(alias.ask("SELECT current_setting('port')"))

        with running(
            *[lambda w=wanted, o=order: search(w, o) for wanted, order, _ in SEARCHES]
        ) as greenlets:
            found = join(greenlets)
    names = {port: name for name, port in ports.items()}
    assert [names[port] for port in found] == [name for *_, name in SEARCHES]


def test_where_no_host_is_of_the_right_kind_the_error_says_why_of_each(make_alias, pair):
    _, standby = pair
    with black_hole() as hole:
        alias = make_alias(
            maxsize=1,
            connect_timeout=2,
            target_session_attrs="read-write",
            **{
                **at(standby),
                "HOST": f"{LOCALHOST},{LOCALHOST}",
                "PORT": f"{standby.params['port']},{hole}",
            },
        )
        with pytest.raises(OperationalError) as caught:
            alias.ask("SELECT 1")
    said = str(caught.value).splitlines()
    assert said[0].endswith(f"port {standby.params['port']} failed: session is read-only")
    assert f"port {hole} failed: timeout expired" in said[1]


def test_connections_to_a_standby_are_replaced_as_soon_as_it_refuses_a_write(make_alias, pair):
    """One that nobody has asked for: test_databases has the others."""
    _, standby = pair
    alias = make_alias(maxsize=3, **over_tcp(standby))
    with pytest.raises(Error, match="read-only transaction"):
        alias.ask(INSERT, "refused")
    eventually(lambda: alias.pool.snapshot().evictions == {"demoted": 1})
    assert alias.ask("SELECT pg_is_in_recovery()") is True


def test_after_a_failover_work_goes_on_at_the_new_primary(make_alias, pair):
    """The last test with this pair."""
    primary, standby = pair
    hosts = f"{primary.params['host']},{standby.params['host']}"
    ports = f"{primary.params['port']},{standby.params['port']}"
    settings = {**at(primary), "HOST": hosts, "PORT": ports}
    alias = make_alias(maxsize=3, maxwait=20, target_session_attrs="read-write", **settings)
    kept = []

    def write(visitor):
        for number in range(10_000):
            token = f"{visitor}/{number}"
            try:
                alias.ask(INSERT, token)
            except Error:
                gevent.sleep(0.02)
            else:
                kept.append(token)

    with running(*[lambda n=n: write(n) for n in range(5)]):
        eventually(lambda: len(kept) > 50)
        primary.stop("immediate")
        standby.promote()
        before = len(kept)
        eventually(lambda: len(kept) > before + 50)
    assert alias.ask("SELECT current_setting('port')") == str(standby.params["port"])
    monitor = Monitor(standby.params)
    there = {value for (value,) in monitor.execute("SELECT value FROM token")}
    monitor.close()
    assert set(kept) <= there


def test_at_max_connections_everybody_is_served_and_few_openings_are_tried(make_alias):
    """53300 while connections are in use: a release comes sooner than the administrator."""
    settings = {"max_connections": 5, "superuser_reserved_connections": 0}
    with Postgres({**settings, "reserved_connections": 0}) as full:
        alias = make_alias(maxsize=10, maxwait=20, **at(full))
        others = [psycopg2.connect(**full.params) for _ in range(3)]
        visitors = [lambda: alias.ask("SELECT pg_sleep(0.02) IS NULL")] * 100
        with Elapsed() as elapsed, running(*visitors) as greenlets:
            assert join(greenlets) == [False] * 100
        snapshot = alias.pool.snapshot()
        for other in others:
            other.close()
        alias.wrapper.close_pool()
    assert snapshot.size <= 2
    assert snapshot.exhausted == 0
    few = 8 + 2 * elapsed.seconds
    assert 1 <= snapshot.open_failures <= few, "one at a time, 0.1 s apart at first"
