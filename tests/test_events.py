"""What the pool reports, where it goes, and what it never contains."""

import logging

import gevent
import pytest
from django.db import OperationalError
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import eventually, join, running

from django_pgpool import PoolExhausted

NUMBERS = {"alias", "size", "in_use", "idle", "waiting"}
PASSWORD = "s3cret-marker"
SQL_MARKER = "sql_marker_5711"


def named(events, name):
    return [event for event in events if event["event"] == name]


@pytest.fixture
def logged(caplog):
    """Lines of the standard library's logger ``django_pgpool``."""
    caplog.set_level(logging.DEBUG, logger="django_pgpool")
    return caplog


def burst(alias, count=3):
    with running(*[lambda: alias.ask("SELECT pg_sleep(0.02)")] * count) as greenlets:
        join(greenlets)


def fail(make_alias, **settings):
    """An opening that the server refuses."""
    alias = make_alias(NAME="no_such_database", **settings)
    with pytest.raises(OperationalError):
        alias.ask("SELECT 1")
    return alias


def test_a_life_of_a_connection_in_events(make_alias, events):
    alias = make_alias(maxsize=1, cleanup=0.1)
    alias.ask("SELECT 1")
    eventually(lambda: alias.name in {event["alias"] for event in named(events, "pool_shrank")})
    events = [event for event in events if event["alias"] == alias.name]
    assert [event["event"] for event in events] == [
        "connection_opened",
        "pool_grew",
        "connection_closed",
        "pool_shrank",
    ]
    for event in events:
        assert event.keys() >= NUMBERS
    opened, grew, closed, shrank = events
    assert opened["seconds"] > 0
    assert closed["seconds"] >= 0.1
    assert (opened["level"], grew["level"]) == ("debug", "info")
    assert (closed["level"], shrank["level"]) == ("debug", "info")
    assert closed["reason"] == "idle"
    assert (grew["size"], shrank["size"]) == (1, 0)


def test_a_failed_opening_is_a_warning_with_the_drivers_words(make_alias, events):
    alias = fail(make_alias)
    (event,) = named(events, "connection_open_failed")
    assert event["level"] == "warning"
    assert event["alias"] == alias.name
    assert 'database "no_such_database" does not exist' in event["error"]
    assert "\n" not in event["error"]


def test_exhaustion_is_a_warning(make_alias, events):
    alias = make_alias(maxsize=1)
    alias.wrapper.ensure_connection()
    alias.pool.maxwait = 0.05
    with running(lambda: alias.ask("SELECT 1")) as greenlets, pytest.raises(PoolExhausted):
        greenlets[0].get(timeout=10)
    (event,) = named(events, "pool_exhausted")
    assert event["level"] == "warning"
    assert event["in_use"] == 1
    assert event["seconds"] >= 0.05


def test_a_closed_pool_says_so(alias, events):
    alias.ask("SELECT 1")
    alias.wrapper.close_pool()
    (event,) = named(events, "pool_closed")
    assert (event["level"], event["alias"]) == ("info", alias.name)


def test_the_growth_of_a_burst_is_one_event_or_a_few_not_one_per_connection(make_alias, events):
    alias = make_alias(maxsize=10)

    def hold():
        with alias.request():
            alias.value("SELECT 1")
            eventually(lambda: alias.pool.snapshot().in_use == 10)
            gevent.sleep(0.02)

    with running(*[hold] * 10) as greenlets:
        join(greenlets)
    grew = named(events, "pool_grew")
    assert grew[-1]["size"] == 10
    assert len(grew) < 10
    assert len(named(events, "connection_opened")) == 10


def test_routine_acquires_report_nothing(alias, events):
    alias.ask("SELECT 1")
    events.clear()
    for _ in range(100):
        alias.ask("SELECT 1")
    assert events == []


def test_with_structlog_unconfigured_events_are_lines_of_the_standard_logger(alias, logged):
    alias.ask("SELECT 1")
    records = [record for record in logged.records if record.name == "django_pgpool"]
    opened = next(record for record in records if "connection_opened" in record.getMessage())
    assert opened.levelname == "DEBUG"
    assert opened.getMessage().startswith(f"event='connection_opened' alias='{alias.name}' size=1 ")


def test_the_level_of_the_logger_is_honoured(alias, logged):
    logged.set_level(logging.INFO, logger="django_pgpool")
    alias.ask("SELECT 1")
    messages = [record.getMessage() for record in logged.records]
    assert not any("connection_opened" in message for message in messages)
    assert any("pool_grew" in message for message in messages)


@pytest.mark.parametrize("patched", ["", PATCHED], ids=["threads", "gevent"])
def test_a_site_that_configures_no_logging_sees_no_line_anywhere(server, patched):
    code = """
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
connection.close()
"""
    assert run_python(patched + DJANGO + code).ok() == ""


def test_an_observer_that_fails_hurts_nobody(alias):
    import structlog

    def broken(logger, method, event):
        raise ZeroDivisionError

    structlog.configure(processors=[broken])
    try:
        assert alias.ask("SELECT 1") == 1
        alias.wrapper.close_pool()
        assert alias.ask("SELECT 1") == 1
    finally:
        structlog.reset_defaults()


def test_no_event_error_or_line_contains_a_password_or_sql(make_alias, events, server):
    dsn = f"-c application_name={PASSWORD}"  # libpq's "options" may hold secrets, too
    texts = []
    alias = make_alias(
        maxsize=1,
        cleanup=0.1,
        PASSWORD=PASSWORD,
        without=("application_name",),
        options=dsn,
    )
    alias.wrapper.ensure_connection()
    alias.value(f"SELECT '{SQL_MARKER}'")
    before, alias.pool.maxwait = alias.pool.maxwait, 0.05
    with running(lambda: alias.ask(f"SELECT '{SQL_MARKER}'")) as greenlets:
        with pytest.raises(PoolExhausted) as caught:
            greenlets[0].get(timeout=10)
    alias.pool.maxwait = before
    texts += [str(caught.value), repr(caught.value), repr(caught.value.snapshot)]
    with pytest.raises(OperationalError):
        alias.value(f"SELECT '{SQL_MARKER}', pg_terminate_backend(pg_backend_pid())")
    alias.close()
    failed = fail(make_alias, PASSWORD=PASSWORD)
    texts += [repr(alias.pool.snapshot()), repr(failed.pool.snapshot())]
    alias.ask(f"SELECT '{SQL_MARKER}'")
    eventually(lambda: alias.name in {event["alias"] for event in named(events, "pool_shrank")})
    texts += [repr(event) for event in events]
    assert {event["event"] for event in events} >= {
        "connection_opened",
        "connection_closed",
        "connection_open_failed",
        "pool_exhausted",
        "pool_grew",
        "pool_shrank",
    }
    for text in texts:
        assert PASSWORD not in text
        assert SQL_MARKER not in text
