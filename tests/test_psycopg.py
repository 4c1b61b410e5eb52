"""What only psycopg has: nothing of it reaches the next holder either."""

from contextlib import suppress

import gevent
import pytest
from django.db import NotSupportedError, OperationalError, connections, transaction
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from shop.models import Item
from support.driver import IS_PSYCOPG3
from support.processes import OTHERS_RUN, PATCHED, run_python
from support.waiting import eventually
from test_costs import calls_of

if not IS_PSYCOPG3:
    pytest.skip("psycopg only", allow_module_level=True)

import psycopg
from psycopg import ClientCursor, RawCursor, pq, sql
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

TENANT = "SELECT coalesce(current_setting('shop.tenant', true), '')"


def look(connection):
    return (
        connection.isolation_level,
        connection.autocommit,
        connection.read_only,
        connection.deferrable,
        connection.prepare_threshold,
        connection.prepared_max,
        connection.row_factory,
        connection.cursor_factory,
        connection.server_cursor_factory,
        [*connection._notice_handlers, *connection._notify_handlers],
    )


CHANGES = {
    "isolation_level": lambda raw: setattr(raw, "isolation_level", IsolationLevel.SERIALIZABLE),
    "set_isolation_level": lambda raw: raw.set_isolation_level(IsolationLevel.SERIALIZABLE),
    "autocommit": lambda raw: setattr(raw, "autocommit", False),
    "set_autocommit": lambda raw: raw.set_autocommit(False),
    "read_only": lambda raw: setattr(raw, "read_only", True),
    "deferrable": lambda raw: setattr(raw, "deferrable", True),
    "prepare_threshold": lambda raw: setattr(raw, "prepare_threshold", 0),
    "prepared_max": lambda raw: setattr(raw, "prepared_max", 3),
    "row_factory": lambda raw: setattr(raw, "row_factory", dict_row),
    "cursor_factory": lambda raw: setattr(raw, "cursor_factory", RawCursor),
    "server_cursor_factory": lambda raw: setattr(raw, "server_cursor_factory", None),
    "notice handler": lambda raw: raw.add_notice_handler(print),
    "notify handler": lambda raw: raw.add_notify_handler(print),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_holder_sets_on_the_connection_does_not_reach_the_next(alias, change):
    with alias.request() as wrapper:
        pid = alias.pid()
        before = look(wrapper.connection)
        CHANGES[change](wrapper.connection)
        assert look(wrapper.connection) != before
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        assert look(wrapper.connection) == before
        assert alias.pid() == pid


class Shouting(TextLoader):
    def load(self, data):
        return super().load(data).upper()


def test_adapters_do_not_reach_the_next_holder(alias):
    with alias.request() as wrapper:
        pid = alias.pid()
        wrapper.connection.adapters.register_loader("text", Shouting)
        assert alias.value("SELECT 'quiet'::text") == "QUIET"
    with alias.request():
        assert alias.value("SELECT 'quiet'::text") == "quiet"
        assert alias.value("SELECT '{\"a\": 1}'::jsonb") == '{"a": 1}', "Django's own is there"
        assert alias.pid() == pid


# ---- statements, by whatever way they come


def by_copy(raw, statement):
    with raw.cursor().copy(f"COPY ({statement}) TO STDOUT") as copy:
        list(copy)


def by_pipeline(raw, statement):
    with raw.pipeline():
        raw.execute(statement)


def by_transaction(raw, statement):
    with raw.transaction(), raw.cursor() as cursor:
        cursor.execute(statement)


def by_named_cursor(raw, statement):
    with raw.cursor("c", withhold=True) as cursor:
        cursor.execute(statement)
        cursor.fetchall()


WAYS = {
    "Connection.execute": lambda raw, statement: raw.execute(statement),
    "execute": lambda raw, statement: raw.cursor().execute(statement),
    "bytes": lambda raw, statement: raw.cursor().execute(statement.encode()),
    "composed": lambda raw, statement: raw.cursor().execute(sql.SQL(statement)),
    "binary": lambda raw, statement: raw.execute(statement, binary=False),
    "executemany": lambda raw, statement: raw.cursor().executemany(statement, [[], []]),
    "stream": lambda raw, statement: list(raw.cursor().stream(statement)),
    "copy": by_copy,
    "pipeline": by_pipeline,
    "transaction": by_transaction,
    "a named cursor": by_named_cursor,
}


@pytest.mark.parametrize("binding", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_execute_is_noticed(make_alias, way, binding):
    alias = make_alias(maxsize=1, server_side_binding=binding)
    with alias.request() as wrapper:
        pid = alias.pid()
        WAYS[way](wrapper.connection, "SELECT set_config('shop.tenant', '7', false)")
        assert alias.value(TENANT) == "7", "nothing was changed: this test shows nothing"
    with alias.request():
        assert alias.value(TENANT) == ""
        assert alias.pid() == pid


def test_a_cursor_that_is_not_tracked_counts_as_leaving_something(alias):
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        wrapper.connection.cursor_factory = ClientCursor
        wrapper.connection.execute("SET shop.tenant = '7'")
    assert alias.ask(TENANT) == ""


STALE_USES = {
    "execute": lambda cursor: cursor.execute("SET shop.tenant = '7'"),
    "executemany": lambda cursor: cursor.executemany("SET shop.tenant = %s", [[7]]),
    "callproc": lambda cursor: cursor.callproc("set_config", ["shop.tenant", "7", False]),
    "copy": lambda cursor: cursor.copy("COPY shop_item TO STDOUT").__enter__(),
    "stream": lambda cursor: list(cursor.stream("SET shop.tenant = '7'")),
}


@pytest.mark.parametrize("use", STALE_USES)
def test_no_method_of_a_stale_cursor_reaches_the_next_holder(alias, use):
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        cursor = wrapper.connection.cursor()
    with alias.request():
        alias.value("SELECT 1")
        with pytest.raises(psycopg.InterfaceError, match="given back to the pool"):
            STALE_USES[use](cursor)
        assert alias.value(TENANT) == ""


@pytest.mark.parametrize("use", STALE_USES)
def test_who_waited_for_the_lock_meanwhile_does_not_reach_the_next_holder(alias, use):
    """A cursor that greenlets share, at the moment of its release."""
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        raw = wrapper.connection
        cursor = raw.cursor()
        with raw.lock:
            late = gevent.spawn(STALE_USES[use], cursor)
            gevent.sleep(0)
            raw.lease += 1  # as a release does it
        with pytest.raises(psycopg.InterfaceError, match="given back to the pool"):
            late.get(timeout=5)
        assert alias.value(TENANT) == ""


@pytest.mark.parametrize("cursor", ["ours", "Django's"])
def test_a_named_cursor_ends_with_its_request(alias, cursor):
    for number in range(3):
        Item.objects.using(alias.name).create(name=f"item {number}")
    with alias.request() as wrapper:
        pid = alias.pid()
        if cursor == "ours":
            named = wrapper.connection.cursor("c", withhold=True)
            named.execute("SELECT 1")
            end = named.close
        else:
            rows = Item.objects.using(alias.name).iterator(chunk_size=1)
            next(rows)
            end = rows.close
        assert alias.value("SELECT count(*) FROM pg_cursors WHERE is_holdable") == 1
    with alias.request():
        assert alias.value("SELECT count(*) FROM pg_cursors WHERE is_holdable") == 0
        end()
        assert alias.pid() == pid


def test_notifications_do_not_reach_the_next_holder(alias, server):
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        wrapper.connection.execute("LISTEN news")
        server.execute("NOTIFY news, 'secret'")
        alias.value("SELECT 1")
    with alias.request() as wrapper:
        alias.value("SELECT 1")
        assert list(wrapper.connection.notifies(timeout=0.01)) == []


# ---- what its holder has not ended


def a_pipeline(raw, server):
    pipeline = raw.pipeline()
    pipeline.__enter__()
    return pipeline


def a_transaction(raw, server):
    block = raw.transaction()
    block.__enter__()
    return block


def notifications(raw, server):
    raw.execute("LISTEN news")
    server.execute("NOTIFY news")
    waiting = raw.notifies()
    next(waiting)
    return waiting


def a_stream(raw, server):
    rows = raw.cursor().stream("SELECT generate_series(1, 100000)")
    next(rows)
    return rows


def a_copy(raw, server):
    copying = raw.cursor().copy("COPY (SELECT generate_series(1, 100000)) TO STDOUT")
    copying.__enter__().read()
    return copying


def a_copy_of_which_all_is_read(raw, server):
    copying = raw.cursor().copy("COPY (SELECT 1) TO STDOUT")
    assert len(list(copying.__enter__())) == 1
    assert raw.get_transaction_status() == pq.TransactionStatus.IDLE
    return copying


def a_two_phase_transaction(raw, server):
    """Which cannot be prepared: psycopg goes on refusing commit() and rollback()."""
    raw.autocommit = False
    raw.tpc_begin(raw.xid(1, "one", "two"))
    raw.execute("CREATE TEMPORARY TABLE mine ()")
    with suppress(psycopg.Error):
        raw.tpc_prepare()
    raw.autocommit = True
    return raw


LEFT_OPEN = [
    a_pipeline,
    a_transaction,
    notifications,
    a_stream,
    a_copy,
    a_copy_of_which_all_is_read,
    a_two_phase_transaction,
]


@pytest.mark.parametrize("begin", LEFT_OPEN)
def test_what_was_left_open_is_closed_with_its_connection(alias, server, begin):
    """Whoever holds it may end it much later, or hold psycopg's lock until then."""
    with alias.request() as wrapper:
        pid = alias.pid()
        left = begin(wrapper.connection, server)
    with alias.request():
        assert alias.pid() != pid
        assert alias.value("SELECT 1") == 1
        with suppress(psycopg.Error):
            getattr(left, "gen", left).close()
        assert alias.value("SELECT 1") == 1
    assert alias.pool.snapshot().evictions == {"dirty": 1}
    eventually(lambda: alias.backends == 1)


@pytest.mark.parametrize("way", ["pipeline", "transaction", "stream", "copy"])
def test_what_was_ended_costs_no_reset(alias, server, way):
    with alias.request() as wrapper:
        pid = alias.pid()
        WAYS[way](wrapper.connection, "SELECT 1")
        message = server.last_message(pid)
    assert alias.pool.snapshot().evictions == {}
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        assert server.last_message(pid) == message


# ---- prepared statements


PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE '_pg3_%'"


def test_statements_that_psycopg_has_prepared_serve_the_next_holder_too(make_alias):
    alias = make_alias(maxsize=1, server_side_binding=True, prepare_threshold=1)
    for _ in range(3):
        with alias.request():
            alias.value("SELECT %s + 1", 1)
            pid = alias.pid()
    with alias.request():
        assert alias.value(PREPARED) > 0
        assert alias.pid() == pid


@pytest.mark.parametrize("reset", ["auto", "always"])
def test_a_reset_ends_them_and_psycopg_knows_it(make_alias, reset):
    alias = make_alias(maxsize=1, server_side_binding=True, prepare_threshold=0, reset=reset)
    for _ in range(3):
        with alias.request() as wrapper:
            pid = alias.pid()
            assert alias.value("SELECT %s::int + 1", 1) == 2
            assert alias.value(PREPARED) > 0
            alias.value("SELECT set_config('shop.tenant', '7', false)")
            assert wrapper.connection.prepare_threshold == 0
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        assert not wrapper.connection._prepared._names
        assert alias.pid() == pid


def test_one_that_a_migration_has_made_useless_fails_for_one_holder_only(make_alias, server):
    alias = make_alias(maxsize=1, server_side_binding=True, prepare_threshold=0)
    server.execute("CREATE TABLE changing AS SELECT 1 AS one")
    try:
        for _ in range(2):
            pid = alias.ask("SELECT pg_backend_pid(), * FROM changing WHERE one = %s", 1)
        server.execute("ALTER TABLE changing ADD COLUMN two int")
        with pytest.raises(NotSupportedError, match="cached plan must not change result type"):
            alias.ask("SELECT pg_backend_pid(), * FROM changing WHERE one = %s", 1)
        assert alias.ask("SELECT pg_backend_pid(), * FROM changing WHERE one = %s", 1) == pid
    finally:
        server.execute("DROP TABLE changing")


@pytest.mark.parametrize("binding", [False, True])
def test_a_statement_of_the_orm_under_either_binding(make_alias, binding):
    alias = make_alias(maxsize=1, server_side_binding=binding)
    items = Item.objects.using(alias.name)
    with alias.request(), transaction.atomic(using=alias.name):
        items.create(name="one", details={"a": [1]})
        assert items.filter(details__a__0=1, name__in=["one", "two"]).count() == 1
        assert [item.name for item in items.iterator()] == ["one"]


# ---- the package


def test_psycopg2_is_not_needed(server):
    block = "import sys; sys.modules['psycopg2'] = sys.modules['psycogreen'] = None\n"
    names = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    default = {name: connections["default"].settings_dict[name] for name in names}
    settings = f"""
import django
from django.conf import settings
settings.configure(
    USE_TZ=True, INSTALLED_APPS=["django_pgpool"], DATABASES={{"default": {default!r}}}
)
django.setup()
from django.core.management import call_command
from django.db import connection
call_command("check", databases=["default"])
call_command("pgpool", "--probe")
"""
    done = run_python(block + PATCHED + settings + OTHERS_RUN + "others_run()")
    assert done.returncode == 0, done.stderr


# ---- errors


def test_an_error_of_opening_keeps_no_parameters(make_alias):
    alias = make_alias(HOST="127.0.0.1", PORT="1", PASSWORD="correct horse")
    with pytest.raises(OperationalError) as caught:
        alias.ask("SELECT 1")
    assert str(caught.value).startswith('connection to server at "127.0.0.1", port 1 failed: ')
    assert caught.value.__cause__.pgconn is None


def test_a_connection_that_was_closed_is_an_error_of_the_driver(alias):
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        wrapper.connection.close()
        with pytest.raises(psycopg.OperationalError):
            wrapper.connection.execute("SELECT 1")
    assert alias.ask("SELECT 1") == 1


def test_the_transaction_status_is_libpqs(alias):
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        for status in pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS:
            assert wrapper.connection.get_transaction_status() == status
            wrapper.connection.execute("BEGIN")


# ---- what it costs


def test_a_statement_takes_no_more_calls_than_with_djangos_own_engine(alias):
    """The tracking included: one sleep of the pool's own is cheaper than psycopg's."""
    stock = alias.copy(options={"pool": False})

    def statement(wrapper):
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT 1")

    with alias.request() as wrapper:
        ours, theirs = (calls_of(lambda w=w: statement(w))[0] for w in (wrapper, stock))
    stock.close()
    assert ours <= theirs
