"""How psycopg waits, and what an interrupted wait leaves."""

import gc

import gevent
import pytest
from gevent.monkey import get_original
from shop.models import Item
from support.driver import IS_PSYCOPG3
from support.interrupting import interrupted_at_each_switch, most_cancels_of_a_kill
from support.processes import DJANGO, OTHERS_RUN, PATCHED, run_python
from support.waiting import eventually, join, running

if not IS_PSYCOPG3:
    pytest.skip("psycopg only", allow_module_level=True)

import psycopg
from test_psycopg import WAYS

from django_pgpool.drivers import driver


def test_a_wait_for_notifications_may_be_interrupted(alias):
    with alias.request() as wrapper:
        pid = alias.pid()
        wrapper.connection.execute("LISTEN news")
        assert list(wrapper.connection.notifies(timeout=0.01)) == []
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            list(wrapper.connection.notifies())
        assert alias.value("SELECT 1") == 1
    assert alias.ask("SELECT pg_backend_pid()") == pid


def test_close_does_not_leave_another_greenlet_in_its_wait(make_alias):
    alias = make_alias(maxsize=1, cancel_timeout=20)
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        raw = wrapper.connection
        other = gevent.spawn(raw.execute, "SELECT pg_sleep(60)")
        eventually(lambda: alias.states == ["active"])
        raw.close()
        with pytest.raises(psycopg.OperationalError):
            other.get(timeout=20)


@pytest.mark.parametrize("way", ["copy", "stream", "a named cursor", "pipeline", "executemany"])
def test_a_kill_ends_any_statement_at_the_server(make_alias, way):
    alias = make_alias(maxsize=1, cancel_timeout=20)
    slow = "SELECT pg_sleep(600)"

    def work():
        with alias.request() as wrapper:
            wrapper.ensure_connection()
            WAYS[way](wrapper.connection, slow)

    pid = alias.ask("SELECT pg_backend_pid()")
    with running(work):
        eventually(lambda: alias.states == ["active"])
    eventually(lambda: pid not in alias.pids, "the statement is still running")
    eventually(lambda: alias.pool.snapshot().in_use == 0)
    assert alias.ask("SELECT 1") == 1


def request(alias, work):
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        work(wrapper.connection)


def after_an_error(raw):
    raw.cursor().executemany("SELECT 1 / %s::int", [[1], [0], [1], [2]], returning=True)


def in_an_aborted_pipeline(raw):
    with raw.pipeline():
        with pytest.raises(psycopg.errors.DivisionByZero):
            raw.execute("SELECT 1 / 0").fetchone()
        raw.execute("SELECT 1")  # which the server skips, as all until a Sync


def in_long_messages(raw):
    raw.cursor().executemany("SELECT length(%s)", [["x" * 1_000_000]] * 3)


KILLED = {name: lambda raw, way=way: way(raw, "SELECT 1") for name, way in WAYS.items()} | {
    "after an error": after_an_error,
    "in an aborted pipeline": in_an_aborted_pipeline,
    "in long messages": in_long_messages,
}


OWN_ERRORS = {
    after_an_error: (psycopg.errors.DivisionByZero,),
    in_an_aborted_pipeline: (psycopg.errors.PipelineAborted,),
}


@pytest.mark.parametrize("work", KILLED.values(), ids=KILLED)
def test_a_kill_at_any_time_is_the_only_error(make_alias, work, monkeypatch, cancels):
    """psycopg may want to send something as its generators end; pytest sees what Python ignores.
    The server answers a cancel, also where it has ended all that it was sent, where it waits for
    the end of a pipeline, or of a message; and it ends the session."""
    monkeypatch.setattr(driver, "FAREWELL", 30.0)
    alias = make_alias(maxsize=1, maxwait=20, cancel_timeout=10)
    errors = OWN_ERRORS.get(work, ())
    most_cancels_of_a_kill(lambda: request(alias, work), cancels, errors=errors)
    gc.collect()


def test_a_kill_leaves_all_of_a_pipeline_or_nothing(alias):
    items = Item.objects.using(alias.name)
    insert = "INSERT INTO shop_item (name, details, made_at) VALUES (%s, '{}', now())"

    def work(raw):
        with raw.pipeline():
            for name in "one", "two":
                raw.execute(insert, [name])

    for _ in interrupted_at_each_switch(lambda: request(alias, work), gevent.GreenletExit):
        with alias.request():
            assert items.count() in (0, 2)
            items.all().delete()


def test_an_answer_that_comes_in_parts_while_a_long_statement_is_sent(alias):
    """psycopg waits for reading and writing at once."""
    with alias.request():
        text = "x" * 5_000_000
        assert alias.value("SELECT %s", text) == text


def test_what_has_come_while_the_process_was_blocked_counts_before_read_timeout(make_alias):
    alias = make_alias(maxsize=1, read_timeout=30)
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        raw = wrapper.connection
        raw.read_timeout = 0.3
        with running(lambda: raw.execute("SELECT pg_sleep(0.05)").rowcount) as greenlets:
            gevent.sleep(0)
            assert raw.is_waited_for()
            get_original("time", "sleep")(0.6)
            get_original("select", "select")([raw], [], [])  # the answer has come
            assert join(greenlets) == [1]


@pytest.mark.parametrize("first", ["", "import psycopg\n"], ids=["after", "before"])
@pytest.mark.parametrize("options", ["{}", '{"pool": false}'], ids=["pooled", "unpooled"])
def test_the_engine_makes_psycopg_green_itself(server, options, first):
    """It looks only once, when it is imported, whether gevent has patched the process."""
    code = first + PATCHED + DJANGO + OTHERS_RUN + "others_run()"
    run_python(code, PGPOOL_TEST_OPTIONS=options).ok()
