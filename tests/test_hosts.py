"""Several hosts, or several addresses of one: each is tried, for connect_timeout, as libpq has it.

With a standby among them: faults/test_faults_servers.
"""

from itertools import chain, repeat
from socket import EAI_AGAIN

import gevent
import pytest
from chaos.proxy import LOCALHOST, Proxy
from django.db import OperationalError
from support.driver import database, opener
from support.listeners import black_hole, refusing
from support.waiting import Elapsed, eventually, join, running

from django_pgpool import PoolExhausted
from django_pgpool.drivers import hosts, resolving
from django_pgpool.drivers.bound import bounded
from django_pgpool.drivers.chosen import Driver
from django_pgpool.drivers.hosts import first_to_open, placed

SECRET = "correct horse battery staple"


@pytest.fixture
def hole():
    with black_hole() as port:
        yield port


@pytest.fixture
def real(server):
    """Host and port of the server of the tests."""
    return server.params.get("host") or LOCALHOST, str(server.params.get("port") or 5432)


@pytest.fixture
def target(real):
    """The same, as a Proxy takes it."""
    host, port = real
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, int(port))


def listed(*places):
    """Settings of an alias with these hosts."""
    names, ports = zip(*places, strict=True)
    return {"HOST": ",".join(names), "PORT": ",".join(map(str, ports))}


def failure(alias):
    with pytest.raises(OperationalError) as caught:
        alias.ask("SELECT 1")
    assert not isinstance(caught.value, PoolExhausted), caught.value
    return str(caught.value)


@pytest.fixture
def short_at_first(monkeypatch):
    """Of the connect_timeout of 0.3 s that an alias has, only the first attempt is to feel
    something: those that follow have to succeed, and may take 20 s each."""
    seconds = chain([0.3], repeat(20.0))

    def longer(what, given):
        assert given == 0.3
        return bounded(what, next(seconds))

    monkeypatch.setattr(hosts, "bounded", longer)


# ---- silent hosts


def test_hosts_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("PGHOST", "a,b")
    monkeypatch.setenv("PGPORT", "1,2")
    tried = []

    def connect(params):
        tried.append((params["host"], params["port"]))
        if len(tried) == 1:
            raise database.OperationalError("timeout expired: too long")
        return "open"

    monkeypatch.setattr(hosts, "is_green", lambda: True)
    monkeypatch.setattr(hosts, "with_addresses", lambda params: params)
    assert first_to_open(placed({}), connect, 1.0) == "open"
    assert tried == [("a", "1"), ("b", "2")]


@pytest.mark.usefixtures("short_at_first")
def test_after_a_silent_host_the_next_one_is_tried(make_alias, hole, real):
    alias = make_alias(maxsize=1, connect_timeout=0.3, **listed((LOCALHOST, hole), real))
    with Elapsed() as elapsed:
        assert alias.ask("SELECT 1") == 1
    assert 0.3 <= elapsed.seconds < 15
    assert alias.pool.snapshot().open_failures == 0


@pytest.mark.usefixtures("short_at_first")
def test_so_is_the_next_address_of_one_name(make_alias, target, monkeypatch):
    asked = []

    def getaddrinfo(host, port, *, type=0):  # noqa: A002  as in the standard library
        asked.append(host)
        return [(0, type, 0, "", (address, 0)) for address in ("127.0.0.2", LOCALHOST)]

    monkeypatch.setattr(resolving.socket, "getaddrinfo", getaddrinfo)
    with Proxy(target) as proxy, black_hole("127.0.0.2", proxy.port):
        alias = make_alias(maxsize=1, connect_timeout=0.3, HOST="db.test", PORT=proxy.port)
        assert alias.ask("SELECT 1") == 1
        assert asked == ["db.test"]
        alias.close()


@pytest.mark.usefixtures("short_at_first")
def test_a_name_the_dns_is_silent_about_is_one_silent_host(make_alias, real, monkeypatch):
    monkeypatch.setattr(resolving.socket, "getaddrinfo", lambda *_, **__: gevent.sleep(60))
    alias = make_alias(maxsize=1, connect_timeout=0.3, **listed(("db.test", 5432), real))
    with Elapsed() as elapsed:
        assert alias.ask("SELECT 1") == 1
    assert 0.3 <= elapsed.seconds < 15


def test_while_the_dns_fails_for_the_moment_who_waits_gets_a_connection_in_use(
    make_alias, target, monkeypatch
):
    def getaddrinfo(host, port, *, type=0):  # noqa: A002  as in the standard library
        if failing:
            raise resolving.socket.gaierror(EAI_AGAIN, "Try again")  # as musl says it
        return [(0, type, 0, "", (LOCALHOST, 0))]

    failing = False
    monkeypatch.setattr(resolving.socket, "getaddrinfo", getaddrinfo)
    with Proxy(target) as proxy:
        alias = make_alias(maxsize=2, HOST="db.test", PORT=proxy.port)
        with alias.request():
            pid = alias.pid()
            failing = True
            with running(alias.pid) as greenlets:
                eventually(lambda: alias.pool.snapshot().open_failures)
                alias.close()
                assert join(greenlets) == [pid]
        alias.pool.drain()


def test_configuring_the_session_is_part_of_the_attempt(make_alias, real, monkeypatch):
    # The first attempt has to get as far as this, and the second has to succeed.
    alias = make_alias(maxsize=1, connect_timeout=1.5, **listed(real, real))
    wrapper = type(alias.wrapper)
    configure = wrapper._configure_connection
    calls = []

    def hang_at_the_first(self, connection):
        calls.append(connection)
        if len(calls) == 1:
            gevent.sleep(60)
        return configure(self, connection)

    monkeypatch.setattr(wrapper, "_configure_connection", hang_at_the_first)
    assert alias.ask("SELECT 1") == 1
    assert calls[0].closed
    eventually(lambda: alias.backends == 1)


def test_when_all_are_silent_the_error_names_each(make_alias, hole, monkeypatch):
    there = [(0, 0, 0, "", (address, 0)) for address in ("127.0.0.2", LOCALHOST)]
    monkeypatch.setattr(resolving.socket, "getaddrinfo", lambda *_, **__: there)
    with black_hole() as other, black_hole("127.0.0.2", other):
        places = (LOCALHOST, hole), ("db.test", other), (LOCALHOST, other)
        alias = make_alias(
            maxsize=1, maxwait=60, connect_timeout=0.3, PASSWORD=SECRET, **listed(*places)
        )
        with Elapsed() as elapsed:
            said = failure(alias)
    silent = "timeout expired: opening a connection took longer than connect_timeout=0.3 s"
    attempts = said.splitlines()
    assert attempts[0] == f'connection to server at "127.0.0.1", port {hole} failed: {silent}'
    assert f'"db.test" (127.0.0.2), port {other} failed: {silent}' in attempts[1]
    assert f'"db.test" (127.0.0.1), port {other} failed: {silent}' in attempts[2]
    assert attempts[3] == f'connection to server at "127.0.0.1", port {other} failed: {silent}'
    assert 1.2 <= elapsed.seconds < 15
    assert SECRET not in said
    assert alias.pool.snapshot().open_failures == 1
    assert alias.pool.snapshot().size == 0


def test_a_kill_ends_the_search(make_alias, hole, real):
    alias = make_alias(maxsize=1, connect_timeout=30, **listed((LOCALHOST, hole), real))
    with running(alias.pool._driver.open) as (opener,):
        gevent.sleep(0.1)
        with Elapsed() as elapsed:
            opener.kill()
    assert elapsed.seconds < 15
    assert isinstance(opener.value, gevent.GreenletExit)


# ---- hosts that answer


def test_a_server_that_cannot_be_connected_to_now_is_passed_over(make_alias, real):
    with refusing("57P03", "the database system is starting up") as port:
        alias = make_alias(maxsize=1, **listed((LOCALHOST, port), real))
        assert alias.ask("SELECT 1") == 1


@pytest.mark.parametrize(
    "said",
    [
        "server login has been failing, try again later (server_login_retry)",
        "server login has been failing, cached error: connect failed (server_login_retry)",
        "query_wait_timeout",
    ],
)
def test_so_is_a_pgbouncer_without_its_server(make_alias, real, said):
    with refusing("08P01", said) as port:
        alias = make_alias(maxsize=1, **listed((LOCALHOST, port), real))
        assert alias.ask("SELECT 1") == 1


@pytest.mark.parametrize(
    "said",
    [
        "no more connections allowed (max_client_conn)",
        "client connections exceeded (max_user_client_connections)",
    ],
)
def test_a_full_pgbouncer_is_a_full_server(make_alias, said):
    with refusing("08P01", said) as port:
        alias = make_alias(maxsize=1, HOST=LOCALHOST, PORT=port)
        with pytest.raises(OperationalError) as caught:
            alias.ask("SELECT 1")
    assert alias.pool._driver.is_full(caught.value.__cause__)


def test_a_start_up_option_that_pgbouncer_refuses_is_told_with_what_to_do(make_alias):
    with refusing("08P01", "unsupported startup parameter: options") as port:
        options = {"options": "-c work_mem=8MB", "PASSWORD": SECRET}
        said = failure(make_alias(maxsize=1, HOST=LOCALHOST, PORT=port, **options))
    assert said.endswith(
        "unsupported startup parameter: options. PgBouncer refuses it: set what is in "
        "OPTIONS['options'] for the role instead, with ALTER ROLE ... SET ..."
    )
    assert SECRET not in said


@pytest.mark.usefixtures("short_at_first")
@pytest.mark.parametrize(
    ("attributes", "settings", "text"),
    [
        ("", {"PASSWORD": SECRET}, "password authentication failed"),
        ("", {"NAME": "nowhere"}, 'database "nowhere" does not exist'),
        ("CONNECTION LIMIT 0", {}, "too many connections for role"),
    ],
)
def test_what_a_server_has_answered_ends_the_search(
    make_alias, server, hole, real, monkeypatch, attributes, settings, text
):
    """The others are not asked, who might lock the account."""
    role = server.make_role(f"LOGIN PASSWORD 'right' {attributes}")
    settings = {"USER": role, "PASSWORD": "right", **settings}
    asked = []
    connect = opener().connect

    def spy(**params):
        asked.append(params["port"])
        return connect(**params)

    with server.asking_for_passwords(role):
        if not server.checks_passwords(role):
            pytest.skip("DATABASE_URL's server lets this role in without its password")
        monkeypatch.setattr(opener(), "connect", spy)
        places = listed((LOCALHOST, hole), real, real)
        alias = make_alias(maxsize=1, connect_timeout=0.3, **places, **settings)
        said = failure(alias)
    assert asked == [str(hole), real[1]]
    first, last = said.splitlines()
    assert f"port {hole} failed: timeout expired" in first
    assert text in last
    assert SECRET not in said
    is_full = alias.pool._driver.is_full(database.OperationalError(said))
    assert is_full is ("too many" in text)


# ---- the order, by what libpq documents


@pytest.fixture
def tried(monkeypatch):
    """``tried(error, **params)``: the places that are tried where each fails so."""
    monkeypatch.setattr(hosts, "is_green", lambda: True)
    monkeypatch.setattr(resolving, "is_green", lambda: True)
    monkeypatch.setattr(
        resolving.socket,
        "getaddrinfo",
        lambda host, *_, **__: [(0, 0, 0, "", (f"{host}{number}", 0)) for number in (1, 2)],
    )

    def tried(error="Connection refused\n\tIs the server running on that host", **params):
        places = []

        def connect(params):
            names = ("host", "hostaddr", "port", "target_session_attrs")
            places.append(" ".join(str(params[name]) for name in names if params.get(name)))
            raise database.OperationalError(error)

        with pytest.raises(database.OperationalError) as caught:
            first_to_open(placed(params), connect, 5)
        tried.said = str(caught.value)
        return places

    return tried


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({}, [""]),
        ({"host": "::1"}, ["::1"]),
        ({"host": "::1,/run"}, ["::1", "/run"]),
        ({"host": "::1,/run", "port": 5}, ["::1 5", "/run 5"]),
        ({"host": "::1,::2", "port": "5,6"}, ["::1 5", "::2 6"]),
        ({"hostaddr": "::1,::2", "port": ",6"}, ["::1", "::2 6"]),
        ({"host": "a,b", "hostaddr": "::1,::2"}, ["a ::1", "b ::2"]),
        ({"host": "a,::9,b"}, ["a a1", "a a2", "::9", "b b1", "b b2"]),
        ({"host": "a,b,c", "port": "5,6"}, ["a,b,c 5,6"]),
        ({"host": "a,b", "hostaddr": "::1"}, ["a,b ::1"]),
        ({"host": "::1,::2", "service": "shop"}, ["::1,::2"]),
    ],
    ids=str,
)
def test_each_host_and_address_is_one_attempt(tried, params, places):
    assert tried(**params) == places


def test_a_preferred_standby_is_looked_for_everywhere_first(tried, monkeypatch):
    expected = ["::1 standby", "::2 standby", "::1 any", "::2 any"]
    assert tried(host="::1,::2", target_session_attrs="prefer-standby") == expected
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "prefer-standby")
    assert tried(host="::1,::2") == expected


def test_every_other_kind_of_session_is_libpqs_to_test(tried):
    said = "session is read-only"
    expected = ["::1 read-write", "::2 read-write"]
    assert tried(said, host="::1,::2", target_session_attrs="read-write") == expected


def test_load_balancing_shuffles_hosts_and_the_addresses_of_each(tried, monkeypatch):
    monkeypatch.setattr(hosts, "shuffle", list.reverse)
    assert tried(host="a,b", load_balance_hosts="random") == ["b b2", "b b1", "a a2", "a a1"]
    assert tried(host="::1,::2", load_balance_hosts="disable") == ["::1", "::2"]


def test_without_gevent_libpq_searches(tried, monkeypatch):
    monkeypatch.setattr(hosts, "is_green", lambda: False)
    monkeypatch.setattr(resolving, "is_green", lambda: False)
    assert tried(host="a,b") == ["a,b"]


def test_one_host_fails_with_the_error_itself(tried):
    tried("as it was\n", host="::1")
    assert tried.said == "as it was\n"


def test_errors_of_several_hosts_still_tell_whether_they_may_pass(tried):
    driver = Driver(lambda: None)
    tried(hostaddr="::1,::2")
    assert tried.said.count("Connection refused") == 2
    assert driver.is_transient(database.OperationalError(tried.said))
    tried("session is read-only", hostaddr="::1,::2")
    assert tried.said.splitlines() == [
        f'connection to server at "{address}", port 5432 failed: session is read-only'
        for address in ("::1", "::2")
    ]
    assert not driver.is_transient(database.OperationalError(tried.said))
