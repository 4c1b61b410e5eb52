"""``manage.py check --database``: what the pools may need against what the server has."""

from contextlib import closing

import psycopg2
import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connections, transaction
from psycopg2 import sql
from psycopg2.extensions import parse_dsn
from support.waiting import eventually, running

from django_pgpool.checks import capacity, facts
from loadtests.errors import LoadTestError
from loadtests.pgbouncer import PgBouncer, find_pgbouncer


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.chdir("/")
    for name in ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def nobody_else(server):
    """What is counted below does not change by itself: sessions of earlier tests, of programs that
    these have run, and of the default alias have ended."""
    connections["default"].close_pool()
    if server.embedded:
        eventually(lambda: server.clients() == server.own, lambda: f"there are {server.clients()}")


@pytest.fixture
def only(make_alias, monkeypatch):
    """Makes an alias that is the only one of the site."""

    def make(**settings):
        alias = make_alias(**settings)
        databases = {alias.name: connections.databases[alias.name]}
        monkeypatch.setattr(capacity, "pooled_aliases", lambda: iter(databases))
        return alias

    return make


@pytest.fixture
def role(server):
    return server.make_role("LOGIN PASSWORD 'secret'")


def check(alias):
    messages = {
        message.id.removeprefix("django_pgpool."): message
        for message in alias.wrapper.validation.check()
    }
    assert alias.wrapper.connection is None, "it was given back"
    return messages


def room(server):
    """Connections for ordinary roles, and those of other databases that are there now."""
    ((available, others),) = server.execute(
        "SELECT current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int"
        " - coalesce(current_setting('reserved_connections', true)::int, 0),"
        " (SELECT count(*) FROM pg_stat_activity"
        "  WHERE datname <> current_database() AND backend_type = 'client backend')"
    )
    return available, others


def test_what_fits_is_right_and_one_process_more_is_a_warning(only, server):
    available, others = room(server)
    workers = (available - others) // 8
    assert check(only(maxsize=8, workers=workers)) == {}
    message = check(only(maxsize=8, workers=workers + 1))["W101"]
    assert isinstance(message, checks.Warning)
    reserved = available - int(server.execute("SHOW max_connections")[0][0])
    assert message.msg.partition(": ")[2] == (
        f"the server has room for {available} connections "
        f"(max_connections={available - reserved}, of which {-reserved} are reserved), but the "
        f"pools may hold {8 * (workers + 1)} (maxsize=8 x {workers + 1} processes, as "
        f"OPTIONS['workers'] says), beside {others} of other clients now."
    )
    assert message.hint == (
        f"Either set maxsize to {(available - others) // (workers + 1)} at most, or put PgBouncer "
        "in between, or raise max_connections. See docs/checks.md#w101"
    )


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("WEB_CONCURRENCY", "500", "WEB_CONCURRENCY"),
        ("GUNICORN_CMD_ARGS", "--workers=500", "GUNICORN_CMD_ARGS"),
    ],
)
def test_the_number_of_processes_is_found_in_the_environment(
    only, monkeypatch, variable, value, says
):
    alias = only(maxsize=20)
    assert check(alias) == {}
    monkeypatch.setenv(variable, value)
    message = check(alias)["W101"]
    assert f"hold 10000 (maxsize=20 x 500 processes, as {says} says)" in message.msg
    assert message.hint.startswith("Either have fewer processes, or put PgBouncer in between")
    assert check(only(maxsize=20, workers=1)) == {}, "the option is stronger"


def test_other_clients_count_and_the_sites_own_sessions_do_not(only, server, role):
    available, others = room(server)
    alias = only(maxsize=available - others)
    assert check(alias) == {}

    def stay():
        with alias.request():
            alias.value("SELECT pg_sleep(60)")

    with running(stay):
        eventually(lambda: alias.states == ["active"])
        assert check(alias) == {}, "a session of this pool"
        params = {**server.params, "user": role, "password": "secret"}
        with closing(psycopg2.connect(**params)):
            message = check(alias)["W101"]
    assert f"beside {others + 1} of other clients now." in message.msg


def test_all_aliases_of_one_server_count_together(make_alias, server):
    available, others = room(server)
    half = (available - others) // 2
    one, two = make_alias(maxsize=half), make_alias(maxsize=half)
    far = make_alias(maxsize=5000, HOST="db.example")
    elsewhere = make_alias(maxsize=5000, service="elsewhere")
    unpooled = make_alias(pool=False)
    databases = {alias.name: alias.settings for alias in (one, two, far, elsewhere, unpooled)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connections), "databases", databases)
        assert check(one) == {}
        assert check(unpooled) == {}
        databases[two.name]["OPTIONS"]["maxsize"] = half + 2
        (message,) = check(one).values()
    assert f"({one.name}: maxsize={half} x 1 process, nothing tells of more; {two.name}: " in (
        message.msg
    )
    assert f"set maxsize to {half} at most for each alias" in message.hint


def test_the_limit_of_a_role(only, server, role):
    alias = only(maxsize=4, workers=2, USER=role, PASSWORD="secret")
    assert check(alias) == {}
    limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
    server.execute(limit.format(sql.Identifier(role), sql.Literal(7)))
    message = check(alias)["W102"]
    assert message.msg == (
        f"DATABASES[{alias.name!r}]: the role {role!r} may have 7 connections, but the pools may "
        "hold 8 (maxsize=4 x 2 processes, as OPTIONS['workers'] says), beside 0 of other clients "
        "now."
    )
    assert message.hint.startswith("Either set maxsize to 3 at most, or put PgBouncer in between")
    server.execute(limit.format(sql.Identifier(role), sql.Literal(8)))
    assert check(alias) == {}


def test_the_limit_of_a_database(only, server, role):
    """Of one that nobody else uses: what ends there counts for the server until it is gone."""
    name = server.make_database()
    limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    alias = only(maxsize=4, NAME=name, USER=role, PASSWORD="secret")

    def allow(number):
        server.execute(limit.format(sql.Identifier(name), sql.Literal(number)))

    allow(4)
    assert check(alias) == {}
    with closing(psycopg2.connect(**{**server.params, "dbname": name})):
        message = check(alias)["W103"]
        assert message.msg == (
            f"DATABASES[{alias.name!r}]: the database {name!r} takes 4 connections, but the pools "
            "may hold 4 (maxsize=4 x 1 process, nothing tells of more), beside 1 of other clients "
            "now."
        )
        assert message.hint.startswith("Either set maxsize to 3 at most, or put PgBouncer in")
        allow(5)
        assert check(alias) == {}
    superuser = only(maxsize=40, NAME=name)
    if facts.ask(superuser.wrapper).superuser:
        assert check(superuser) == {}, "whom the limit does not bind"


@pytest.mark.parametrize(
    ("limit", "options", "expected"),
    [
        ("30s", {"cleanup": 20}, set()),
        ("30s", {"cleanup": 40}, {"W104"}),
        ("30s", {"cleanup": 20, "minsize": 1}, {"W104"}),
        ("30s", {"cleanup": None, "expires": 25}, set()),
        ("0", {"cleanup": None, "expires": None}, set()),
    ],
)
def test_an_idle_time_out_of_the_server(only, limit, options, expected):
    alias = only(options=f"-c idle_session_timeout={limit}", **options)
    assert check(alias).keys() == expected


def test_the_idle_time_out_is_named_with_what_is_longer(only):
    alias = only(options="-c idle_session_timeout=15500", cleanup=20)
    message = check(alias)["W104"]
    assert message.msg.partition(": ")[2] == (
        "the server ends a session that was idle for idle_session_timeout=15.5 s, before this pool "
        "closes it (cleanup=20, expires=300, minsize=0)."
    )


def test_an_unreachable_server_is_an_error_and_no_crash(only):
    alias = only(HOST="/nowhere", PORT="1")
    message = check(alias)["E101"]
    assert message.msg.startswith(
        f"DATABASES[{alias.name!r}]: the server could not be asked: connection to server on socket "
        '"/nowhere/.s.PGSQL.1" failed: No such file or directory'
    )
    with pytest.raises(SystemCheckError, match="E101"):
        call_command("check", databases=[alias.name])


def test_wrong_settings_are_told_once_and_nobody_is_asked(only):
    alias = only(HOST="/nowhere", maxsize=0)
    assert check(alias) == {}


def test_inside_a_transaction_its_connection_is_used_and_kept(only):
    alias = only(maxsize=1)
    with transaction.atomic(using=alias.name):
        pid = alias.pid()
        assert alias.wrapper.validation.check() == []
        assert alias.pid() == pid


def test_behind_a_pooler_the_servers_limits_are_not_compared(only, server):
    try:
        find_pgbouncer()
    except LoadTestError as error:
        pytest.skip(str(error))
    if not server.embedded:
        pytest.skip("PgBouncer would need to be let in by DATABASE_URL's server")
    user, name, host = (server.params[key] for key in ("user", "dbname", "host"))
    url = f"postgresql://{user}@/{name}?host={host}&port={server.params['port']}"
    with PgBouncer(url, {"default_pool_size": 2}) as pgbouncer:
        params = parse_dsn(pgbouncer.url)
        alias = only(HOST=params["host"], PORT=params["port"], maxsize=5000)
        message = check(alias)["I101"]
        alias.wrapper.close_pool()
    assert isinstance(message, checks.Info)
    assert message.msg.endswith(
        "a pooler sits between this site and the server, so the server's limits were not compared "
        "with maxsize."
    )
