"""Metrics for OpenTelemetry, with the real SDK: the semantic conventions, exactly."""

import gevent
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.metrics import db_metrics
from support.metrics import metrics_off_at_the_end  # noqa: F401  a fixture
from support.waiting import eventually, running

from django_pgpool import PoolExhausted
from django_pgpool.metrics import opentelemetry
from django_pgpool.pool.buckets import BOUNDS

POOL_NAME = "db.client.connection.pool.name"
STATE = "db.client.connection.state"
CONVENTIONS = [
    getattr(db_metrics, name)
    for name in dir(db_metrics)
    if name.startswith("create_db_client_connection_")
]
"""Functions of the package with the conventions, each of which makes an instrument."""


@pytest.fixture
def read(metrics_off_at_the_end, monkeypatch):  # noqa: F811
    monkeypatch.setattr(opentelemetry, "_registered", False)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    opentelemetry.register(provider)
    opentelemetry.register(provider)

    def read():
        (resource,) = reader.get_metrics_data().resource_metrics
        (scope,) = resource.scope_metrics
        assert scope.scope.name == "django_pgpool"
        return {metric.name: metric for metric in scope.metrics}

    yield read
    provider.shutdown()


def points(metric, alias):
    return [point for point in metric.data.data_points if point.attributes[POOL_NAME] == alias.name]


def value(metric, alias, **more):
    found = [
        point.value
        for point in points(metric, alias)
        if all(point.attributes[name] == wanted for name, wanted in more.items())
    ]
    assert len(found) == 1
    return found[0]


class Conventions:
    """A meter that notes what the conventions make of it."""

    def __init__(self):
        self.instruments = {}

    def __getattr__(self, kind):
        def create(name, description, unit):
            self.instruments[name] = (kind.removeprefix("create_"), unit, description)

        return create


def described(metric):
    data = metric.data
    if not hasattr(data, "is_monotonic"):
        kind = "histogram"
    else:
        kind = "counter" if data.is_monotonic else "up_down_counter"
    return kind, metric.unit, metric.description


def test_every_instrument_of_the_conventions_and_no_other(read, alias):
    alias.ask("SELECT 1")
    conventions = Conventions()
    for create in CONVENTIONS:
        create(conventions)
    found = read()
    assert {name: described(metric) for name, metric in found.items()} == conventions.instruments
    for name, metric in found.items():
        more = {STATE} if name == "db.client.connection.count" else set()
        for point in points(metric, alias):
            assert point.attributes.keys() == {POOL_NAME} | more


def test_states_and_limits(read, make_alias):
    alias = make_alias(maxsize=7, minsize=1)
    with alias.request():
        alias.value("SELECT 1")
        now = read()
    count = now["db.client.connection.count"]
    assert {point.attributes[STATE] for point in points(count, alias)} == {"idle", "used"}
    assert value(count, alias, **{STATE: "used"}) == 1
    assert value(count, alias, **{STATE: "idle"}) == 0
    now = read()
    count = now["db.client.connection.count"]
    assert value(count, alias, **{STATE: "used"}) == 0
    assert value(count, alias, **{STATE: "idle"}) == 1
    assert value(now["db.client.connection.max"], alias) == 7
    assert value(now["db.client.connection.idle.max"], alias) == 7
    assert value(now["db.client.connection.idle.min"], alias) == 1


def test_times_are_seconds_and_a_wait_in_vain_is_a_time_out(read, make_alias):
    alias = make_alias(maxsize=1, maxwait=30)
    with alias.request():
        alias.value("SELECT 1")
        with running(lambda: alias.ask("SELECT 1")):
            pending = "db.client.connection.pending_requests"
            eventually(lambda: value(read()[pending], alias) == 1)
            alias.pool.maxwait = 0.05
            with pytest.raises(PoolExhausted):
                gevent.spawn(alias.ask, "SELECT 1").get(timeout=20)
    now = read()
    assert value(now["db.client.connection.timeouts"], alias) == 1
    counts = {}
    for name in ("wait_time", "use_time", "create_time"):
        (point,) = points(now[f"db.client.connection.{name}"], alias)
        assert point.explicit_bounds == BOUNDS
        counts[name] = point.count
    assert counts == {"wait_time": 1, "use_time": 1, "create_time": 1}
    (use,) = points(now["db.client.connection.use_time"], alias)
    assert 0.05 <= use.sum < 10
