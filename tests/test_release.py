"""What the next holder of a connection finds, whatever the last one has done to it."""

from contextlib import suppress

import pytest
from django.db import DataError, transaction
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from shop.models import Item
from support.driver import CHANGED_CURSORS, READ_ONLY, database, only_psycopg2
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import eventually

from django_pgpool.drivers.dbapi import IDLE, IN_ERROR


def insert(alias, name):
    Item.objects.using(alias.name).create(name=name)


def committed(alias):
    return [name for (name,) in alias.server.execute("SELECT name FROM shop_item ORDER BY name")]


def set_all(target, attributes):
    for name, value in attributes.items():
        setattr(target, name, value)


def test_a_connection_is_reused(alias):
    pids = {alias.ask("SELECT pg_backend_pid()") for _ in range(5)}
    assert pids == alias.pids
    assert len(pids) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda connection: connection.set_isolation_level(IsolationLevel.REPEATABLE_READ),
        lambda connection: setattr(connection, "isolation_level", IsolationLevel.REPEATABLE_READ),
        lambda connection: setattr(connection, "autocommit", False),
        lambda connection: setattr(connection, READ_ONLY, True),
        lambda connection: setattr(connection, "deferrable", True),
        pytest.param(
            lambda connection: connection.set_session(readonly=True, isolation_level=3),
            marks=only_psycopg2("psycopg has no set_session()"),
        ),
        lambda connection: set_all(connection, CHANGED_CURSORS),
    ],
    ids=[
        "set_isolation_level",
        "isolation_level",
        "autocommit",
        "readonly",
        "deferrable",
        "set_session",
        "cursor_factory",
    ],
)
def test_what_a_holder_sets_on_the_connection_does_not_reach_the_next(alias, change):
    def look(connection):
        return (
            connection.isolation_level,
            connection.autocommit,
            getattr(connection, READ_ONLY),
            connection.deferrable,
            *(getattr(connection, name) for name in CHANGED_CURSORS),
        )

    with alias.request() as wrapper:
        wrapper.ensure_connection()
        pid = alias.pid()
        before = look(wrapper.connection)
        change(wrapper.connection)
        assert look(wrapper.connection) != before
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        assert look(wrapper.connection) == before
        assert alias.pid() == pid
        assert wrapper.get_autocommit()
        insert(alias, "visible")
        assert committed(alias) == ["visible"]
        with transaction.atomic(using=alias.name):
            assert alias.value("SHOW transaction_isolation") == "read committed"
            assert alias.value("SHOW transaction_read_only") == "off"


def test_an_open_transaction_is_rolled_back(alias):
    with alias.request() as wrapper:
        wrapper.set_autocommit(False)
        insert(alias, "never committed")
        pid = alias.pid()
        assert alias.states == ["idle in transaction"]
    eventually(lambda: alias.states == ["idle"])
    assert committed(alias) == []
    with alias.request() as wrapper:
        assert alias.pid() == pid
        assert wrapper.get_autocommit()
        insert(alias, "visible")
    assert committed(alias) == ["visible"]


def test_a_failed_transaction_is_rolled_back(alias):
    with alias.request() as wrapper:
        wrapper.set_autocommit(False)
        with pytest.raises(Exception, match="division by zero"):
            alias.value("SELECT 1/0")
        assert wrapper.connection.info.transaction_status == IN_ERROR
        pid = wrapper.connection.info.backend_pid
    with alias.request() as wrapper:
        assert alias.pid() == pid
        assert wrapper.connection.info.transaction_status == IDLE


RAW_TRANSACTIONS = [
    ["BEGIN"],
    ["SELECT 1; BEGIN; SELECT 2"],
    ["BEGIN", "SELECT 1/0"],
    ["START TRANSACTION READ ONLY"],
    ["START TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
    ["BEGIN; SET shop.tenant = '7'"],
    ["BEGIN; SAVEPOINT s1; SET LOCAL shop.tenant = '7'"],
    ["BEGIN", "INSERT INTO shop_item (name, made_at, details) VALUES ('lost', now(), '{}')"],
]


def execute(wrapper, statements):
    """One after the other; a division by zero is no surprise."""
    for statement in statements:
        with wrapper.cursor() as cursor, suppress(DataError):
            cursor.execute(statement)


LOOK = """SELECT concat_ws(' ', current_user, current_setting('transaction_isolation'),
    current_setting('transaction_read_only'), current_setting('shop.tenant', true))"""


@pytest.mark.parametrize("reset", ["auto", "always", "never"])
@pytest.mark.parametrize("statements", RAW_TRANSACTIONS, ids=" ".join)
def test_a_transaction_begun_by_a_statement_is_rolled_back(make_alias, statements, reset):
    """psycopg2 knows nothing of it, so its own rollback() does nothing."""
    alias = make_alias(maxsize=1, reset=reset)
    with alias.request():
        pid, before = alias.pid(), alias.value(LOOK)
    with alias.request() as wrapper:
        execute(wrapper, statements)
        assert wrapper.connection.get_transaction_status() != IDLE
    assert alias.states == ["idle"]
    with alias.request() as wrapper:
        assert alias.value(LOOK).strip() == before.strip()
        assert alias.pid() == pid, "rolled back, not replaced"
        insert(alias, "visible")
        assert committed(alias) == ["visible"]


def test_the_role_of_a_raw_transaction_does_not_reach_the_next_holder(alias, server):
    role = server.make_role("NOLOGIN")
    with alias.request() as wrapper:
        before = alias.value(LOOK)
        execute(wrapper, [f'BEGIN; SET LOCAL ROLE "{role}"'])
        assert alias.value(LOOK) != before
    assert alias.ask(LOOK) == before


@only_psycopg2("psycopg refuses to change the mode within a transaction")
def test_a_raw_transaction_on_a_connection_without_autocommit_is_rolled_back(alias):
    with alias.request() as wrapper:
        pid = alias.pid()
        execute(wrapper, ["BEGIN"])
        wrapper.connection.autocommit = False
        wrapper.connection.isolation_level = IsolationLevel.REPEATABLE_READ
    assert alias.states == ["idle"]
    with alias.request() as wrapper:
        assert alias.pid() == pid
        assert wrapper.connection.autocommit
        assert alias.value("SHOW transaction_isolation") == "read committed"


def test_a_raw_transaction_is_rolled_back_before_the_servers_role_is_asked_for(alias):
    """Inside the aborted transaction the answer would be an error, and that counts as a standby.
    The holder's idea of a cursor must not matter either."""
    with alias.request() as wrapper:
        pid = alias.pid()
        with wrapper.connection.cursor() as cursor:
            set_all(wrapper.connection, CHANGED_CURSORS)
            cursor.execute("BEGIN READ ONLY")
            with pytest.raises(database.errors.ReadOnlySqlTransaction):
                cursor.execute("INSERT INTO shop_item (name) VALUES ('x')")
    assert alias.states == ["idle"]
    assert alias.ask("SELECT pg_backend_pid()") == pid
    assert sum(alias.pool.snapshot().evictions.values()) == 0


def test_a_session_that_does_not_become_idle_is_closed(make_alias):
    alias = make_alias(maxsize=1, reset="always")
    with alias.request() as wrapper:
        pid = alias.pid()
        wrapper.connection.restore = "BEGIN"
    assert alias.ask("SELECT pg_backend_pid()") != pid
    assert alias.pool.snapshot().evictions["dirty"] == 1


def test_an_idle_connection_is_never_in_a_transaction_at_the_server(make_alias):
    alias = make_alias(maxsize=5)
    with alias.request() as wrapper:
        wrapper.set_autocommit(False)
        alias.value("SELECT 1")
    with alias.request(), transaction.atomic(using=alias.name):
        alias.value("SELECT 1")
    with pytest.raises(ZeroDivisionError), alias.request(), transaction.atomic(using=alias.name):
        alias.value("SELECT 1")
        raise ZeroDivisionError
    assert alias.states == ["idle"]


def test_a_half_read_iterator_leaves_no_cursor_behind(alias):
    """In autocommit mode a server-side cursor is WITH HOLD: nothing but CLOSE ends it."""
    for number in range(50):
        insert(alias, f"item {number}")
    alias.close()
    with alias.request():
        rows = Item.objects.using(alias.name).iterator(chunk_size=5)
        next(rows)
        pid = alias.pid()
        assert alias.value("SELECT count(*) FROM pg_cursors") == 1
    with alias.request():
        assert alias.value("SELECT count(*) FROM pg_cursors") == 0
        assert alias.pid() == pid
    rows.close()


def test_an_iterator_that_ends_after_its_request_does_not_disturb_the_next_holder(alias):
    """The generator's end closes its cursor; the connection may be somebody else's by then."""
    for number in range(50):
        insert(alias, f"item {number}")
    alias.close()
    with alias.request():
        rows = Item.objects.using(alias.name).iterator(chunk_size=5)
        next(rows)
    with alias.request(), transaction.atomic(using=alias.name):
        insert(alias, "in the next request")
        rows.close()
        assert alias.value("SELECT 1") == 1
    assert "in the next request" in committed(alias)


def test_an_iterator_read_in_a_transaction_leaves_no_cursor_behind(alias):
    insert(alias, "one")
    insert(alias, "two")
    with alias.request(), transaction.atomic(using=alias.name):
        rows = Item.objects.using(alias.name).iterator(chunk_size=1)
        next(rows)
        rows.close()
    assert alias.ask("SELECT count(*) FROM pg_cursors") == 0


@pytest.mark.parametrize("use", ["close", "fetchall", "__next__"])
def test_a_named_cursor_that_the_server_has_closed_does_not_read_the_next_holders(alias, use):
    """It cannot be closed once more, and another one may have its name by now."""
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        stale = wrapper.connection.cursor("c", withhold=True)
        stale.execute("SELECT 1")
        with wrapper.cursor() as cursor:
            cursor.execute("CLOSE c")
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        with wrapper.connection.cursor("c", withhold=True) as cursor:
            cursor.execute("SELECT 2")
            with suppress(database.Error):
                getattr(stale, use)()
            assert cursor.fetchall() == [(2,)]


def test_a_connection_that_another_greenlet_uses_is_evicted_without_freezing(server):
    """psycopg2 guards a connection with a real mutex: close() while another greenlet is in a query
    would stop the hub for good. In a process of its own, which may be killed."""
    done = run_python(
        PATCHED
        + DJANGO
        + """
import gevent
from django.db import connection
Error, ACTIVE = connection.Database.Error, 1
from django_pgpool import stats
connection.ensure_connection()
raw = connection.connection

def query():
    try:
        raw.cursor().execute("SELECT pg_sleep(600)")
    except Error:
        pass

helper = gevent.spawn(query)
while raw.info.transaction_status != ACTIVE:
    gevent.sleep(0.001)
connection.close()
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    assert cursor.connection is not raw
connection.close()
helper.join(20)
print(helper.dead, stats()[0].in_use, stats()[0].evictions["dirty"])
""",
        PGPOOL_TEST_OPTIONS='{"maxsize": 1, "cancel_timeout": 20}',
    )
    assert done.ok() == "True 0 1\n"


def test_wrappers_that_are_dropped_without_close_give_back_at_reconnect(alias):
    """Somebody sets connection to None by hand, as Atomic.__exit__ does."""
    alias.wrapper.ensure_connection()
    alias.wrapper.connection = None
    assert alias.value("SELECT 1") == 1
    alias.close()
    assert alias.pool.snapshot().in_use == 0
