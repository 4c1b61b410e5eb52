"""Tools that watch Django and psycopg2, the real packages, around this engine: they see what
happens, and the pool is what it is without them. docs/integrations.md."""

import re
from pathlib import Path
from weakref import WeakSet

import gevent
import psycopg2
import pytest
from django.db import DatabaseError, connections, transaction
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from support.driver import only_psycopg2
from support.metrics import metrics_off_at_the_end  # noqa: F401  a fixture
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import eventually

from django_pgpool import PoolExhausted
from django_pgpool.metrics import prometheus

PAGE = (Path(__file__).parents[1] / "docs" / "integrations.md").read_text()


def works_as_ever(alias):
    """A pool of one: it comes back, is reset, cancels, rolls back, refuses, and is replaced."""
    pid = alias.ask("SELECT pg_backend_pid()")
    alias.ask("SELECT set_config('work_mem', '7MB', false)")
    assert alias.ask("SHOW work_mem") != "7MB"
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.1):
        alias.ask("SELECT pg_sleep(60)")
    eventually(lambda: "active" not in alias.states, "the statement still runs")
    with pytest.raises(DatabaseError), alias.request(), transaction.atomic(alias.name):
        alias.value("SELECT 1 / 0")
    with alias.request():
        new = alias.pid()
        with pytest.raises(PoolExhausted):
            gevent.spawn(alias.pool.acquire, 0.01).get(timeout=10)
    assert alias.pid() == new != pid
    alias.close()
    alias.server.terminate(new)
    assert alias.ask("SELECT pg_backend_pid()") != new
    now = alias.pool.snapshot()
    assert (now.size, now.in_use, now.reclaimed) == (1, 0, 0)


# ---- OpenTelemetry


@pytest.fixture
def spans():
    """What was traced since it was last asked."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentors = DjangoInstrumentor(), Psycopg2Instrumentor()
    with override_settings(MIDDLEWARE=[], ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"]):
        for instrumentor in instrumentors:
            instrumentor.instrument(tracer_provider=provider, enable_commenter=True)

        def taken():
            finished = exporter.get_finished_spans()
            exporter.clear()
            return finished

        yield taken
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
    provider.shutdown()


def ask(request, name):
    with connections[name].cursor() as cursor:
        cursor.execute("SELECT 42")
        return HttpResponse(str(cursor.fetchone()[0]))


urlpatterns = [path("ask/<str:name>", ask)]


@only_psycopg2("its instrumentation is another package for psycopg")
def test_opentelemetry_sees_statements_within_their_request(alias, spans):
    alias.ask("SELECT 1")
    spans()
    assert Client().get(f"/ask/{alias.name}").content == b"42"
    statement, request = spans()
    assert statement.name == "SELECT"
    assert statement.attributes["db.statement"] == "SELECT 42"
    assert statement.parent.span_id == request.context.span_id
    alias.close()
    assert alias.pool.snapshot().openings == 1, "and the connection was one of the pool"
    works_as_ever(alias)


# ---- django-prometheus


@pytest.fixture
def counted(make_alias, tmp_path, monkeypatch):
    """An alias with the engine of docs/integrations.md."""
    (engine,) = re.findall(r"```python\n# (shop/db/base\.py)\n(.*?)```", PAGE, re.DOTALL)
    name = f"of_docs_{tmp_path.name.replace('-', '_')}"
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "base.py").write_text(engine[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    return make_alias(maxsize=1, maxwait=20.0, cancel_timeout=20.0, ENGINE=name)


@pytest.fixture
def metrics_page(metrics_off_at_the_end, monkeypatch):  # noqa: F811
    """django-prometheus's, as soon as the pools are registered where everything is."""
    exports = pytest.importorskip("django_prometheus.exports")
    before = set(REGISTRY._collector_to_names)
    monkeypatch.setattr(prometheus, "_registered", WeakSet())
    prometheus.register()
    yield lambda: exports.ExportToDjangoView(None)
    for ours in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(ours)


def test_django_prometheus_shows_the_pools_metrics(alias, metrics_page):
    alias.ask("SELECT 1")
    line = f'django_pgpool_connections{{alias="{alias.name}",state="idle"}} 1.0\n'
    assert line in metrics_page().content.decode()


def test_django_prometheus_counts_statements_and_openings(counted):
    pytest.importorskip("django_prometheus")

    def number(name):
        labels = {"alias": counted.name, "vendor": "postgresql"}
        return REGISTRY.get_sample_value(name, labels) or 0

    assert counted.wrapper._takes_the_short_way
    counted.ask("SELECT 1")
    assert number("django_db_new_connections_total") == 1
    before = number("django_db_execute_total")
    for _ in range(3):
        counted.ask("SELECT 1")
    assert number("django_db_execute_total") - before == 3
    assert number("django_db_query_duration_seconds_count") >= 4
    assert number("django_db_new_connections_total") == 1, "none was opened"
    with pytest.raises(DatabaseError):
        counted.ask("SELECT 1 / 0")
    labels = {"alias": counted.name, "vendor": "postgresql", "type": "DivisionByZero"}
    assert REGISTRY.get_sample_value("django_db_errors_total", labels) == 1
    assert isinstance(connections[counted.name].Database, type(psycopg2))
    works_as_ever(counted)


# ---- Sentry

SENTRY = """
import logging
import sentry_sdk
import settings
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.transport import Transport

logging.getLogger().addHandler(logging.NullHandler())
told = []

class Recorded(Transport):
    def capture_envelope(self, envelope):
        told.extend(item.payload.json for item in envelope.items)

def begin():
    sentry_sdk.init(dsn="http://public@sentry.invalid/1", traces_sample_rate=1.0,
                    transport=Recorded, auto_session_tracking=False,
                    integrations=[DjangoIntegration()], auto_enabling_integrations=False)

settings.ALLOWED_HOSTS = ["testserver"]
settings.ROOT_URLCONF = "__main__"
default = settings.DATABASES["default"]
refused = {"HOST": "127.0.0.1", "PORT": "1", "PASSWORD": "correct-horse"}
settings.DATABASES["refused"] = {**default, **refused}
"""
SENTRY_SEES = """
from wsgiref.util import setup_testing_defaults
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django_pgpool import get_pool

def ask(request, name):
    with connections[name].cursor() as cursor:
        cursor.execute("SELECT 42")
    return HttpResponse()

urlpatterns = [path("ask/<str:name>", ask)]
application = get_wsgi_application()

def get(address):
    environ = {"PATH_INFO": address}
    setup_testing_defaults(environ)
    told.clear()
    answer = application(environ, lambda status, headers: statuses.append(status))
    b"".join(answer)
    answer.close()

statuses = []
get("/ask/default")
get("/ask/default")
(transaction,) = told
spans = [span["description"] for span in transaction["spans"] if span["op"] == "db"]
assert spans == ["connect", "SELECT 42"], spans
now = get_pool().snapshot()
assert (now.acquires, now.openings, now.idle, now.in_use) == (2, 1, 1, 0), now
get("/ask/refused")
assert [status[:3] for status in statuses] == ["200", "200", "500"], statuses
error, transaction = told
assert "port 1 failed: Connection refused" in str(error), error
assert "vars" in str(error), "local variables are among it"
assert "correct-horse" not in str(told), str(told).partition("correct-horse")[0][-200:]
for alias in connections:
    connections[alias].close_pool()
"""


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(SENTRY + "begin()\n" + DJANGO, id="begun in the settings"),
        pytest.param(
            f"{SENTRY}{DJANGO}connection.cursor; import django_pgpool.base\nbegin()\n",
            id="begun after the engine",
            marks=pytest.mark.long,
        ),
    ],
)
def test_sentry_sees_waits_statements_and_errors_without_the_password(code):
    run_python(PATCHED + code + SENTRY_SEES).ok()
