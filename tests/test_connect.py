"""connect(): what Django, signal handlers and the server can see of it on each acquire."""

import pytest
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from django.db.backends.signals import connection_created
from django.test import override_settings
from support.driver import READ_ONLY, Cursor
from support.waiting import eventually

OBSERVABLE = [
    "autocommit",
    "in_atomic_block",
    "savepoint_ids",
    "atomic_blocks",
    "needs_rollback",
    "commit_on_exit",
    "closed_in_transaction",
    "errors_occurred",
    "health_check_enabled",
    "health_check_done",
    "run_on_commit",
    "isolation_level",
]


def observe(wrapper):
    connection = wrapper.connection
    return {name: getattr(wrapper, name) for name in OBSERVABLE} | {
        "driver": (
            connection.autocommit,
            connection.isolation_level,
            getattr(connection, READ_ONLY),
            connection.info.parameter_status("client_encoding"),
            issubclass(connection.cursor_factory, Cursor),
            connection.info.transaction_status,
            connection.info.parameter_status("TimeZone"),
        )
    }


@pytest.mark.parametrize("health_checks", [False, True])
@pytest.mark.parametrize("isolation", [None, IsolationLevel.SERIALIZABLE])
def test_each_connect_leaves_the_same_state_as_djangos_own(make_alias, health_checks, isolation):
    options = {} if isolation is None else {"isolation_level": isolation}
    alias = make_alias(maxsize=1, CONN_HEALTH_CHECKS=health_checks, **options)
    stock = alias.copy(options={"pool": False})
    stock.connect()
    expected = observe(stock)
    stock.close()
    for _ in range(2):  # opened, reused
        with alias.request() as wrapper:
            # Left by whoever had the wrapper before; connect() has to put it right.
            wrapper.run_on_commit = [(set(), print, False)]
            wrapper.errors_occurred = True
            wrapper.savepoint_ids = ["s1"]
            wrapper.connect()
            assert observe(wrapper) == expected


def test_close_underscore_sets_the_connection_to_none(alias):
    alias.wrapper.ensure_connection()
    alias.wrapper._close()
    assert alias.wrapper.connection is None
    assert alias.pool.snapshot().idle == 1


def test_a_second_close_is_harmless(alias):
    alias.ask("SELECT 1")
    alias.close()
    alias.wrapper._close()
    assert alias.pool.snapshot().idle == 1
    assert alias.ask("SELECT 1") == 1


def test_connection_created_is_sent_on_every_acquire_and_may_run_queries(alias):
    seen = []

    def handler(connection, **kwargs):
        if connection.alias == alias.name:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                seen.append(cursor.fetchone()[0])

    connection_created.connect(handler)
    try:
        pids = [alias.ask("SELECT pg_backend_pid()") for _ in range(3)]
    finally:
        connection_created.disconnect(handler)
    assert seen == pids
    assert len(set(pids)) == 1


def test_reusing_a_connection_costs_not_one_message_to_the_server(make_alias, server):
    alias = make_alias(maxsize=1, assume_role=server.execute("SELECT current_user")[0][0])
    pid = alias.ask("SELECT pg_backend_pid()")
    eventually(lambda: alias.states == ["idle"])
    before = server.last_message(pid)
    for _ in range(5):
        with alias.request() as wrapper:
            wrapper.ensure_connection()
    assert server.last_message(pid) == before
    assert alias.pids == {pid}
    with alias.request():
        alias.value("SELECT 1")
    assert server.last_message(pid) != before  # so that this would have been seen


def test_time_zone_and_role_are_set_once_per_connection(make_alias, server):
    role = server.make_role("NOLOGIN")
    server.execute(f"GRANT {role} TO CURRENT_USER")
    counting = type("Counting", (Cursor,), {"statements": []})

    def execute(self, statement, params=None, **kwargs):
        counting.statements.append(str(statement))
        return Cursor.execute(self, statement, params, **kwargs)

    counting.execute = execute
    alias = make_alias(
        maxsize=1,
        assume_role=role,
        cursor_factory=counting,
        options="-c timezone=Europe/Warsaw",
    )
    for _ in range(3):
        assert alias.ask("SELECT current_user || ' ' || current_setting('timezone')") == (
            f"{role} UTC"
        )
    set_up = [said for said in counting.statements if "current_user" not in said]
    assert len(set_up) == 2, set_up


@pytest.fixture
def in_warsaw(server):
    """The database has a time zone that is not Django's."""
    server.execute(f'ALTER DATABASE "{server.name}" SET timezone = "Europe/Warsaw"')
    yield
    server.execute(f'ALTER DATABASE "{server.name}" RESET timezone')


@pytest.mark.usefixtures("in_warsaw")
def test_the_time_zone_is_djangos_though_the_server_has_another(make_alias):
    """With a truthy attribute ``pool`` Django would skip this, and read now() an hour off."""
    utc = make_alias(maxsize=1)
    tokyo = make_alias(maxsize=1, TIME_ZONE="Asia/Tokyo")
    for _ in range(2):
        assert utc.ask("SHOW timezone") == "UTC"
        assert tokyo.ask("SHOW timezone") == "Asia/Tokyo"
    now = "SELECT now()::timestamp - (now() AT TIME ZONE 'UTC')"
    assert utc.ask(now).total_seconds() == 0


@pytest.mark.usefixtures("in_warsaw")
@pytest.mark.parametrize(
    ("options", "sends"), [({}, True), ({"options": "-c timezone=UTC"}, False)]
)
def test_a_session_that_begins_in_djangos_time_zone_is_opened_without_a_statement(
    make_alias, server, options, sends
):
    """As docs/settings.md says."""
    alias = make_alias(maxsize=1, **options)
    alias.wrapper.ensure_connection()
    pid = alias.wrapper.connection.info.backend_pid
    ((last,),) = server.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", pid)
    assert bool(last) is sends, last
    assert alias.value("SHOW timezone") == "UTC"


def test_a_change_of_the_time_zone_reaches_new_and_held_connections(alias):
    with alias.request():
        assert alias.value("SHOW timezone") == "UTC"
        with override_settings(TIME_ZONE="Asia/Tokyo", USE_TZ=False):
            assert alias.value("SHOW timezone") == "Asia/Tokyo"
            alias.close()
            assert alias.ask("SHOW timezone") == "Asia/Tokyo"
        assert alias.ask("SHOW timezone") == "UTC"


def test_the_isolation_level_of_the_options_holds_in_every_transaction(make_alias):
    alias = make_alias(maxsize=1, isolation_level=IsolationLevel.SERIALIZABLE)
    for _ in range(2):
        with alias.request(), transaction.atomic(using=alias.name):
            assert alias.value("SHOW transaction_isolation") == "serializable"


def test_json_reaches_models_undecoded(alias):
    """The driver's own decoding is switched off as Django's backend does it."""
    for _ in range(2):
        assert alias.ask("""SELECT '{"a": 1}'::jsonb""") == '{"a": 1}'


def test_autocommit_false_in_the_settings_is_honoured(make_alias, server):
    alias = make_alias(maxsize=1, AUTOCOMMIT=False)
    for _ in range(2):
        with alias.request() as wrapper:
            alias.value(
                "INSERT INTO shop_item(name, made_at, details) VALUES ('x', now(), '{}') "
                "RETURNING 1"
            )
            assert not wrapper.get_autocommit()
            assert alias.states == ["idle in transaction"]
    assert server.execute("SELECT count(*) FROM shop_item") == [(0,)]
    assert alias.states == ["idle"]
