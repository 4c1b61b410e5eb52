"""Which wrappers share a pool, and what becomes of pools whose database goes away."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from gevent.event import Event
from support.waiting import eventually, join, running

from django_pgpool import get_pool, stats


def pools(alias):
    return [numbers for numbers in stats() if numbers.pool == alias.name]


def test_all_greenlets_share_the_pool_of_an_alias(make_alias):
    alias = make_alias(maxsize=2)
    pool = alias.pool
    with running(*[lambda: get_pool(alias.name)] * 3) as greenlets:
        assert join(greenlets) == [pool] * 3
    with running(*[lambda: alias.ask("SELECT 1")] * 10) as greenlets:
        join(greenlets)
    assert alias.backends <= 2
    assert len(pools(alias)) == 1


def test_equal_settings_under_another_alias_are_another_pool(make_alias):
    assert make_alias().pool is not make_alias().pool


def test_two_aliases_of_one_dictionary_are_two_pools_that_last(make_alias):
    """``DATABASES = dict.fromkeys(["default", "replica"], shop)``"""
    one, two = make_alias(), make_alias()
    connections.databases[two.name] = one.settings
    pool = one.pool
    assert two.pool is not pool
    assert one.pool is pool
    assert not pool.closed


def test_a_wrapper_of_equal_settings_shares_the_pool(alias):
    assert alias.copy().pgpool is alias.pool


@pytest.mark.parametrize(
    "change", [{"NAME": "template1"}, {"USER": "x"}, {"HOST": "x"}, {"PORT": "1"}], ids=str
)
def test_other_connection_parameters_are_another_pool(alias, change):
    pool = alias.pool
    copy = alias.copy(**change)
    assert copy.pgpool is not pool
    assert alias.pool is pool
    copy.close_pool()


def test_a_name_that_is_edited_in_place_leads_to_the_new_database_at_once(make_alias, server):
    """create_test_db() does so. A pool that still held connections to the old NAME would migrate
    the production database."""
    alias = make_alias(maxsize=3)
    assert alias.ask("SELECT current_database()") == server.name
    pool = alias.pool
    other = server.make_database()
    alias.settings["NAME"] = other
    for _ in range(3):
        assert alias.ask("SELECT current_database()") == other
    assert pool.closed
    eventually(lambda: alias.backends == 1)
    alias.settings["NAME"] = server.name
    assert alias.ask("SELECT current_database()") == server.name
    eventually(lambda: alias.backends == 1)


@pytest.mark.parametrize("change", ["USER", "option", "HOST"])
def test_changed_settings_under_load_fail_nobody(make_alias, server, change):
    old, new = (server.make_role("LOGIN PASSWORD 'x'") for _ in range(2))
    alias = make_alias(maxsize=3, minsize=3, cleanup=None, maxwait=20, USER=old, PASSWORD="x")
    pool = alias.pool
    seen, changed = [], []

    def visit():
        for _ in range(20):
            late = bool(changed)
            said = "session_user || ' ' || current_setting('work_mem')"
            seen.append((late, alias.ask(f"SELECT {said} || left(pg_sleep(0.002)::text, 0)")))

    with running(*[visit] * 30) as greenlets:
        eventually(lambda: pool.snapshot().waiting > 20 and len(seen) > 50)
        if change == "USER":
            alias.settings["USER"] = new
        elif change == "option":
            alias.settings["OPTIONS"]["options"] = "-c work_mem=8MB"
        else:
            host = alias.settings["HOST"] or "127.0.0.1"
            alias.settings["HOST"] = f"{host},{host}"
        changed.append(change)
        join(greenlets)
    assert len(seen) == 600
    assert alias.pool is not pool
    assert alias.pool.snapshot().acquires > 400
    if change != "HOST":
        assert len({said for _, said in seen}) == 2
        assert len({said for late, said in seen if late}) == 1, "the new settings"
    eventually(lambda: pool.snapshot().size == 0)
    assert pool.snapshot().waiting == 0
    eventually(lambda: alias.backends == alias.pool.snapshot().size == 3)


def test_a_held_connection_stays_where_it_is_until_it_is_released(make_alias, server):
    alias = make_alias(maxsize=3)
    other = server.make_database()
    with alias.request():
        alias.value("SELECT 1")
        alias.settings["NAME"] = other
        assert alias.value("SELECT current_database()") == server.name
    assert alias.ask("SELECT current_database()") == other
    assert alias.backends == 1
    alias.wrapper.close_pool()


def test_close_pool_ends_every_session_and_the_next_query_works(make_alias):
    alias = make_alias(maxsize=3)
    pids = []

    def hold():
        with alias.request():
            pids.append(alias.pid())
            eventually(lambda: len(pids) == 3)

    with running(*[hold] * 3) as greenlets:
        join(greenlets)
    assert alias.backends == 3
    alias.wrapper.close_pool()
    assert all(pool.closed for pool in pools(alias))
    eventually(lambda: alias.backends == 0)
    eventually(lambda: pools(alias) == [])
    assert alias.ask("SELECT 1") == 1


def test_close_pool_closes_a_held_connection_when_it_is_released(alias):
    with alias.request():
        pid = alias.pid()
        alias.wrapper.close_pool()
        assert alias.pid() == pid
    eventually(lambda: alias.backends == 0)


def test_close_pool_covers_all_aliases_on_the_same_database(make_alias):
    first, second = make_alias(), make_alias()
    first.ask("SELECT 1")
    second.ask("SELECT 1")
    first.wrapper.close_pool()
    eventually(lambda: first.backends + second.backends == 0)


def test_a_pool_that_has_ended_is_in_stats_as_long_as_it_has_connections(make_alias):
    alias = make_alias(maxsize=3)
    let_go = Event()

    def hold():
        with alias.request():
            alias.value("SELECT 1")
            let_go.wait()

    with running(hold) as (greenlet,):
        eventually(lambda: alias.pool.snapshot().in_use == 1)
        alias.settings["OPTIONS"]["maxsize"] = 4
        alias.ask("SELECT 1")
        assert [(each.maxsize, each.closed) for each in pools(alias)] == [(4, False), (3, True)]
        let_go.set()
        greenlet.get(timeout=20)
    eventually(lambda: [each.maxsize for each in pools(alias)] == [4])


def test_a_database_can_be_dropped_after_close_pool(make_alias, server):
    name = server.make_database()
    alias = make_alias(maxsize=3, NAME=name)
    with running(*[lambda: alias.ask("SELECT pg_sleep(0.05)")] * 3) as greenlets:
        join(greenlets)
    alias.wrapper.close()
    alias.wrapper.close_pool()
    server.execute(f'DROP DATABASE "{name}"')  # at once, without FORCE
    assert not server.has_database(name)


def test_a_connection_to_no_database_is_never_pooled(alias):
    before = pools(alias)
    with alias.wrapper._nodb_cursor() as cursor:
        cursor.execute("SELECT current_database(), pg_backend_pid()")
        database, pid = cursor.fetchone()
        assert database == "postgres"
        assert pid in alias.pids
    eventually(lambda: alias.backends == 0)
    assert pools(alias) == before
    assert NO_DB_ALIAS not in {numbers.pool for numbers in stats()}


def test_the_alias_for_no_database_is_never_pooled_whatever_its_options(alias):
    wrapper = type(alias.wrapper)({**alias.settings, "NAME": None}, NO_DB_ALIAS)
    assert wrapper.pgpool is None
    wrapper.connect()
    pid = wrapper.connection.info.backend_pid
    wrapper.close()
    eventually(lambda: pid not in alias.pids)


def test_the_fallback_of_nodb_cursor_to_a_real_database_is_never_pooled(alias, monkeypatch):
    """Where 'postgres' cannot be reached Django takes a real database, under the same alias."""

    def refuse(self):
        raise DatabaseError("no database 'postgres' here")

    alias.ask("SELECT 1")
    (pooled,) = alias.pids
    monkeypatch.setattr(BaseDatabaseWrapper, "_nodb_cursor", refuse)
    fallback = pytest.warns(RuntimeWarning, match="will use the first PostgreSQL database instead")
    with fallback, alias.wrapper._nodb_cursor() as cursor:
        cursor.execute("SELECT current_database(), pg_backend_pid()")
        database, pid = cursor.fetchone()
    assert database == connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]
    assert pid != pooled
    eventually(lambda: alias.pids == {pooled})
    assert alias.pool.snapshot().acquires == 1


def test_get_pool_refuses_an_alias_that_is_not_pooled(make_alias):
    alias = make_alias(pool=False)
    assert alias.ask("SELECT 1") == 1
    with pytest.raises(ImproperlyConfigured) as caught:
        get_pool(alias.name)
    assert str(caught.value) == f"DATABASES[{alias.name!r}] is not pooled by django_pgpool."


def test_asking_for_statistics_opens_no_connection(make_alias):
    alias = make_alias()
    assert alias.pool.snapshot().size == 0
    assert [numbers.size for numbers in pools(alias)] == [0]
    assert alias.backends == 0


def test_edited_settings_that_are_refused_leave_the_old_pool_to_its_users(alias):
    with alias.request():
        alias.value("SELECT 1")
        pool = alias.pool
        alias.settings["OPTIONS"]["maxsize"] = "many"
        with pytest.raises(ImproperlyConfigured, match="maxsize"):
            alias.copy(**alias.settings).ensure_connection()
        assert not pool.closed
        alias.settings["OPTIONS"]["maxsize"] = 1
        assert alias.value("SELECT 1") == 1
