"""Nothing of one holder's session reaches the next."""

from io import StringIO

import pytest
from django.db import InterfaceError, transaction
from django.db.backends.postgresql.psycopg_any import sql
from psycopg2 import extensions, extras
from support.driver import database, only_psycopg2
from support.waiting import join, running

from django_pgpool.drivers.lent import every
from django_pgpool.drivers.statements import leaves_state

TRACES = {
    "search_path": ("SET search_path TO pg_catalog", "SELECT current_setting('search_path')"),
    "timeout": ("SET statement_timeout = 12345", "SELECT current_setting('statement_timeout')"),
    "timezone": ("SET TIME ZONE 'Asia/Tokyo'", "SELECT current_setting('timezone')"),
    "tenant": (
        "SELECT set_config('shop.tenant', '7', false)",
        "SELECT coalesce(nullif(current_setting('shop.tenant', true), ''), 'nobody')",
    ),
    "temporary table": (
        "CREATE TEMPORARY TABLE notes (id int)",
        "SELECT count(*) FROM pg_class WHERE relname = 'notes'",
    ),
    "select into temporary": (
        "SELECT 1 AS id INTO TEMP notes",
        "SELECT count(*) FROM pg_class WHERE relname = 'notes'",
    ),
    "advisory lock": (
        "SELECT pg_advisory_lock(42)",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ),
    "listen": ("LISTEN news", "SELECT count(*) FROM pg_listening_channels()"),
    "prepared statement": (
        "PREPARE one AS SELECT 1",
        "SELECT count(*) FROM pg_prepared_statements",
    ),
    "cursor": (
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "SELECT count(*) FROM pg_cursors WHERE name = 'c'",
    ),
    "behind a semicolon": (
        "SELECT 1; SET search_path TO pg_catalog",
        "SELECT current_setting('search_path')",
    ),
    "in a block": (
        "DO $$ BEGIN PERFORM set_config('search_path', 'pg_catalog', false); END $$",
        "SELECT current_setting('search_path')",
    ),
    "default isolation": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SELECT current_setting('default_transaction_isolation')",
    ),
}


def said(alias, statement):
    with alias.request(), alias.wrapper.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("reset", ["auto", "always"])
@pytest.mark.parametrize("trace", TRACES)
def test_what_a_statement_leaves_in_the_session_does_not_reach_the_next_holder(
    make_alias, trace, reset
):
    alias = make_alias(maxsize=1, reset=reset)
    leave, look = TRACES[trace]
    pid, before = alias.ask("SELECT pg_backend_pid()"), alias.ask(look)
    said(alias, leave)
    assert alias.ask(look) == before
    assert alias.ask("SELECT pg_backend_pid()") == pid, "cleaned, not replaced"


@pytest.mark.parametrize("trace", TRACES)
def test_reset_never_leaves_all_as_it_is(make_alias, trace):
    """What the tests above would see if nothing were reset."""
    alias = make_alias(maxsize=1, reset="never")
    leave, look = TRACES[trace]
    before = alias.ask(look)
    said(alias, leave)
    assert alias.ask(look) != before


def test_a_committed_transaction_leaves_no_more_than_its_rows(alias):
    before = alias.ask("SELECT current_setting('search_path')")
    with alias.request(), transaction.atomic(using=alias.name):
        with alias.wrapper.cursor() as cursor:
            cursor.execute("SET search_path TO pg_catalog")
    assert alias.ask("SELECT current_setting('search_path')") == before


@pytest.mark.parametrize("statement", ["SET ROLE {}", "SET SESSION AUTHORIZATION {}"])
def test_another_role_does_not_reach_the_next_holder(alias, server, statement):
    role = server.make_role("NOLOGIN")
    before = alias.ask("SELECT current_user || session_user")
    with alias.request(), alias.wrapper.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(role)))
    assert alias.ask("SELECT current_user || session_user") == before


def test_the_assumed_role_and_the_time_zone_survive_a_reset(make_alias, server):
    role = server.make_role("NOLOGIN")
    alias = make_alias(maxsize=1, assume_role=role, options="-c timezone=Asia/Tokyo")
    look = "SELECT current_user || ' ' || current_setting('timezone')"
    assert alias.ask(look) == f"{role} UTC"
    said(alias, "RESET ROLE; SET TIME ZONE 'Europe/Warsaw'")
    assert alias.ask(look) == f"{role} UTC"


@only_psycopg2("psycopg has adapters, see test_psycopg")
def test_type_registrations_do_not_reach_the_next_holder(alias):
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        shout = extensions.new_type((25,), "SHOUT", lambda value, cursor: value and value.upper())
        extensions.register_type(shout, wrapper.connection)
        assert alias.value("SELECT 'quiet'::text") == "QUIET"
    assert alias.ask("SELECT 'quiet'::text") == "quiet"
    assert alias.ask("SELECT '{\"a\": 1}'::jsonb") == '{"a": 1}', "Django's own is still there"


@only_psycopg2("psycopg has no set_session(), see test_psycopg")
def test_settings_of_the_connection_object_do_not_reach_the_next_holder(alias):
    with alias.request() as wrapper:
        pid = alias.pid()
        wrapper.connection.set_session(isolation_level="SERIALIZABLE", readonly=True)
        wrapper.connection.cursor_factory = extras.DictCursor
    with alias.request() as wrapper:
        assert alias.pid() == pid
        assert alias.value("SHOW transaction_isolation") == "read committed"
        assert alias.value("SHOW transaction_read_only") == "off"
        assert not isinstance(wrapper.connection.cursor(), extras.DictCursor)


class ReadOnlyAtTimes(extensions.connection):
    """A site's own class, whose methods go past the tracking."""

    def only_read(self):
        super().set_session(readonly=True)


@only_psycopg2("psycopg has no connection_factory")
def test_settings_that_a_class_of_the_site_changes_do_not_reach_the_next_holder(make_alias):
    alias = make_alias(maxsize=1, connection_factory=ReadOnlyAtTimes)
    with alias.request() as wrapper:
        pid = alias.pid()
        wrapper.connection.only_read()
    with alias.request():
        assert alias.pid() == pid
        assert alias.value("SHOW transaction_read_only") == "off"


class EqualToAll(extensions.connection):
    def __eq__(self, other):
        return True

    __hash__ = None


@only_psycopg2("psycopg has no connection_factory")
def test_a_class_of_the_site_may_compare_its_connections_as_it_likes(make_alias):
    alias = make_alias(maxsize=2, connection_factory=EqualToAll)
    with alias.request():
        alias.value("SELECT 1")
        with running(alias.pid) as greenlets:
            join(greenlets)
    assert sum(isinstance(connection, EqualToAll) for connection in every.values()) == 2


@only_psycopg2("psycopg keeps no notices")
def test_notices_and_notifications_do_not_reach_the_next_holder(alias):
    said(alias, "DO $$ BEGIN RAISE NOTICE 'secret'; END $$")
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        assert not wrapper.connection.notices
        assert not wrapper.connection.notifies


@only_psycopg2("cursor() of psycopg takes no class, see test_psycopg")
@pytest.mark.parametrize("factory", [extras.DictCursor, extensions.cursor])
def test_a_cursor_that_is_not_tracked_counts_as_leaving_something(alias, factory):
    before = alias.ask("SELECT current_setting('search_path')")
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        with wrapper.connection.cursor(cursor_factory=factory) as cursor:
            cursor.execute("SET search_path TO pg_catalog")
    assert alias.ask("SELECT current_setting('search_path')") == before


@only_psycopg2("psycopg has no reset()")
def test_reset_of_the_driver_keeps_the_time_zone(make_alias):
    alias = make_alias(maxsize=1, options="-c timezone=Asia/Tokyo")
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        wrapper.connection.reset()
    assert alias.ask("SELECT current_setting('timezone')") == "UTC"


def test_a_cursor_that_outlives_its_request_is_dead(alias):
    with alias.request() as wrapper:
        cursor = wrapper.cursor()
        cursor.execute("SELECT 1")
    with alias.request(), pytest.raises(InterfaceError, match="given back to the pool"):
        alias.value("SELECT 1")
        cursor.execute("SELECT 2")


STALE_USES = {
    "execute": lambda cursor: cursor.execute("SELECT set_config('shop.tenant', '7', false)"),
    "executemany": lambda cursor: cursor.executemany("SET shop.tenant = %s", [[7]]),
    "callproc": lambda cursor: cursor.callproc("set_config", ["shop.tenant", "7", False]),
    "copy_expert": lambda cursor: cursor.copy_expert("COPY shop_item TO STDOUT", StringIO()),
    "copy_from": lambda cursor: cursor.copy_from(StringIO(), "shop_item"),
    "copy_to": lambda cursor: cursor.copy_to(StringIO(), "shop_item"),
}


@only_psycopg2("other methods, see test_psycopg")
@pytest.mark.parametrize("use", STALE_USES)
def test_no_method_of_a_stale_cursor_reaches_the_next_holder(alias, use):
    look = "SELECT coalesce(current_setting('shop.tenant', true), '')"
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        cursor = wrapper.connection.cursor()
    with alias.request():
        alias.value("SELECT 1")
        with pytest.raises(database.InterfaceError, match="given back to the pool"):
            STALE_USES[use](cursor)
        assert alias.value(look) == ""


def test_ordinary_requests_cost_no_message_at_their_end(alias, server):
    with alias.request(), transaction.atomic(using=alias.name):
        pid = alias.pid()
        with transaction.atomic(using=alias.name):
            alias.value("SELECT count(*) FROM shop_item")
    before = server.last_message(pid)
    with alias.request() as wrapper:
        wrapper.ensure_connection()
    assert server.last_message(pid) == before


def test_a_session_that_cannot_be_reset_is_closed(alias):
    with alias.request() as wrapper:
        pid = alias.pid()
        wrapper.set_autocommit(False)
        wrapper.connection.tpc_begin(wrapper.connection.xid(1, "shop", "x"))
    assert alias.ask("SELECT pg_backend_pid()") != pid
    assert sum(alias.pool.snapshot().evictions.values()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        " \n/* why */ -- because\n(SELECT 1)",
        "INSERT INTO t VALUES (%s) RETURNING id",
        'SELECT "a"."set" FROM "a"',
        "SAVEPOINT s1; RELEASE SAVEPOINT s1",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "SET LOCAL search_path TO x",
        "SET TRANSACTION READ ONLY",
        "SELECT set_config('shop.tenant', %s, true)",
        "SELECT pg_advisory_xact_lock(1)",
        "DECLARE c NO SCROLL CURSOR FOR SELECT 1",
        "CREATE TABLE t (id int); ALTER TABLE t ADD x int;",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "",
    ],
)
def test_harmless(statement):
    assert not leaves_state(statement)


@pytest.mark.parametrize(
    "statement",
    [
        *(leave for leave, _ in TRACES.values()),
        "set role admin",
        "/* SELECT */ SET x.y = 1",
        "-- SELECT\nSET x.y = 1",
        "SET SESSION AUTHORIZATION admin",
        "RESET ALL",
        "SELECT pg_try_advisory_lock_shared(1)",
        "SELECT set_config ( 'a.b' , %s , %s )",
        "SELECT set_config('a.b', '1', true), set_config('c.d', '1', false)",
        "CREATE LOCAL TEMP TABLE t (id int)",
        "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
        "CREATE TABLE pg_temp.t (id int)",
        "CALL anything()",
        "EXECUTE one",
        "LOAD 'auto_explain'",
        "DISCARD TEMP",
        "nonsense",
        "SELECT 'it''s; SET'",
        "SELECT 1" + " " * 5000 + "; SET x.y = 1",
    ],
)
def test_leaves_something(statement):
    assert leaves_state(statement)


def test_the_error_of_a_dead_cursor_is_the_drivers(alias):
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        cursor = wrapper.connection.cursor()
    with pytest.raises(database.InterfaceError):
        cursor.execute("SELECT 1")


@only_psycopg2("psycopg has no set_client_encoding()")
def test_the_client_encoding_does_not_reach_the_next_holder(alias):
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        wrapper.connection.set_client_encoding("LATIN1")
    assert alias.ask("SELECT %s", "é€") == "é€"
