"""A site's context variables (request_id) on the events that somebody caused, and every way in
which a site may have set up its logging: with the real packages, in processes of their own."""

import gc
import json
import re

import gevent
import pytest
import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import eventually, running

from django_pgpool import PoolExhausted

EVENTS = {
    "pool_exhausted": "waiter",
    "connection_held_too_long": "holder",
    "connection_reclaimed": "holder",
}
"""Whose request_id each of them has to carry, in the programs below."""


@pytest.fixture
def events():
    """As a site configures structlog that binds its request_id as a context variable."""
    records = []

    def collect(logger, method, event):
        records.append(dict(event))
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, collect])
    yield records
    structlog.reset_defaults()


def request_id(events, name):
    event = eventually(lambda: next((event for event in events if event["event"] == name), None))
    return event.get("request_id")


def test_who_got_no_connection(make_alias, events):
    alias = make_alias(maxsize=1)

    def ask():
        bind_contextvars(request_id="r1")
        with pytest.raises(PoolExhausted):
            alias.ask("SELECT 1")

    with alias.request() as wrapper:
        wrapper.ensure_connection()
        alias.pool.maxwait = 0.05
        with running(ask) as (greenlet,):
            greenlet.get(timeout=10)
    assert request_id(events, "pool_exhausted") == "r1"


@pytest.mark.parametrize("end", ["returns", "is killed"])
def test_who_ended_without_giving_it_back_as_it_was_at_the_end(alias, events, end):
    def serve():
        """Two requests over one keep-alive connection: what counts is the second one."""
        for number in (1, 2):
            bind_contextvars(request_id=f"r{number}")
            alias.wrapper.ensure_connection()
            if number == 1:
                alias.close()
        if end == "is killed":
            gevent.sleep(60)

    with running(serve) as (greenlet,):
        if end == "is killed":
            eventually(lambda: alias.pool.snapshot().acquires == 2)
            greenlet.kill()
        greenlet.join()
        assert request_id(events, "connection_reclaimed") == "r2"


def test_a_forgotten_wrapper_is_not_laid_at_the_door_of_who_finds_it(alias, events):
    wrappers = []

    def forget():
        bind_contextvars(request_id="forgets")
        wrappers.append(alias.copy())
        wrappers[0].ensure_connection()
        gevent.sleep(60)

    with running(forget):
        eventually(lambda: wrappers and wrappers[0].connection)
        with bound_contextvars(request_id="finds"):
            wrappers.clear()
            gc.collect()
        assert request_id(events, "connection_reclaimed") == "forgets"


def test_who_holds_it_for_too_long(make_alias, events):
    alias = make_alias(held_warning=0.05)

    def hold():
        bind_contextvars(request_id="r1")
        alias.wrapper.ensure_connection()
        gevent.sleep(60)

    with running(hold):
        assert request_id(events, "connection_held_too_long") == "r1"


def test_who_ended_as_it_was_at_the_acquire_where_that_is_noted(make_alias, events):
    alias = make_alias(held_warning=0.05)

    def hold():
        with bound_contextvars(request_id="r1"):
            alias.wrapper.ensure_connection()
            gevent.sleep(60)

    with running(hold) as (greenlet,):
        assert request_id(events, "connection_held_too_long") == "r1"
        greenlet.kill()
        assert request_id(events, "connection_reclaimed") == "r1"


# ---- set-ups of logging

OPTIONS = json.dumps({"maxsize": 1, "held_warning": 0.05})
WHAT_HAPPENS = """
import gevent
from django_pgpool import PoolExhausted, get_pool
import structlog
told = []
get_pool().observe(lambda event: told.append(event.event))

def until(condition):
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.005)

def hold(*request):
    connection.ensure_connection()
    gevent.sleep(60)

def wait(*request):
    try:
        connection.ensure_connection()
    except PoolExhausted:
        pass
"""
BOUND_BY_HAND = """
def in_request(request_id, work):
    structlog.contextvars.bind_contextvars(request_id=request_id)
    work()
"""
GOES_ON = """
holder = gevent.spawn(in_request, "holder", hold)
until(lambda: get_pool().snapshot().in_use == 1)
get_pool().maxwait = 0.05
gevent.spawn(in_request, "waiter", wait)
until(lambda: {"pool_exhausted", "connection_held_too_long"} <= set(told))
holder.kill()
until(lambda: "connection_reclaimed" in told)
get_pool().close()
"""
DJANGO_STRUCTLOG = """
import logging.config
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
logging.config.dictConfig({
    "version": 1,
    "formatters": {"json": {
        "()": structlog.stdlib.ProcessorFormatter,
        "processor": structlog.processors.JSONRenderer(),
    }},
    "handlers": {
        "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}
    },
    "loggers": {"django_pgpool": {"handlers": ["out"], "level": "INFO"}},
})

def view(work):
    return lambda request: HttpResponse(work() or "")

urlpatterns = [path("hold", view(lambda: hold())), path("wait", view(lambda: wait()))]
settings.ROOT_URLCONF = __name__
settings.DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
settings.ALLOWED_HOSTS = ["testserver"]
settings.MIDDLEWARE = ["django_structlog.middlewares.RequestMiddleware"]

def in_request(request_id, work):
    address = "/hold" if work is hold else "/wait"
    Client().get(address, headers={"x-request-id": request_id})
"""
PLAIN_LOGGING = """
import logging.config
logging.config.dictConfig({
    "version": 1,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}
    },
    "loggers": {"django_pgpool": {"handlers": ["out"], "level": "INFO"}},
})
"""
FILTER = """
import contextvars, logging
request_id = contextvars.ContextVar("request_id", default="-")

class RequestId(logging.Filter):
    def filter(self, record):
        record.request_id = request_id.get()
        return True

def in_request(given, work):
    request_id.set(given)
    work()

out = logging.StreamHandler(sys.stdout)
out.addFilter(RequestId())
out.setFormatter(logging.Formatter("%(message)s request_id='%(request_id)s'"))
logging.getLogger("django_pgpool").addHandler(out)
logging.getLogger("django_pgpool").setLevel("INFO")
"""


def run(set_up, *in_request):
    code = "".join([PATCHED, "import sys\n", DJANGO, WHAT_HAPPENS, set_up, *in_request, GOES_ON])
    return run_python(code, PGPOOL_TEST_OPTIONS=OPTIONS)


def of_text(output):
    return dict(re.findall(r"event='(\w+)'.*\brequest_id='(\w+)'", output))


@pytest.mark.usefixtures("server")
def test_django_structlog():
    output = run(DJANGO_STRUCTLOG).ok()
    lines = {line["event"]: line for line in map(json.loads, output.splitlines())}
    for name, whose in EVENTS.items():
        level = "info" if name == "connection_reclaimed" else "warning"
        assert (lines[name]["level"], lines[name]["request_id"]) == (level, whose)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "set_up",
    [
        pytest.param((PLAIN_LOGGING, BOUND_BY_HAND), id="structlog's variables"),
        pytest.param((FILTER,), id="a filter", marks=pytest.mark.long),
    ],
)
def test_the_standard_librarys_logging(set_up):
    output = run(*set_up).ok()
    assert of_text(output).items() >= EVENTS.items()
    assert "connection_opened" not in output, "which is of level debug"


@pytest.mark.usefixtures("server")
def test_nothing_configured_shows_warnings_only_as_python_does():
    result = run("", BOUND_BY_HAND)
    assert (result.returncode, result.stdout) == (0, "")
    warnings = {name: who for name, who in EVENTS.items() if name != "connection_reclaimed"}
    assert of_text(result.stderr) == warnings
