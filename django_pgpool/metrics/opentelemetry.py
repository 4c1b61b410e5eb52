"""Metrics for OpenTelemetry: ``register()``, see docs/metrics.md.

Names, units and descriptions are those of its semantic conventions for database connection pools.
https://opentelemetry.io/docs/specs/semconv/db/database-metrics/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

try:
    from opentelemetry.metrics import (
        CallbackOptions,
        Histogram,
        MeterProvider,
        Observation,
        get_meter,
    )
except ModuleNotFoundError as error:
    error.add_note("pip install 'django_pgpool[opentelemetry]'")
    raise

from .. import __version__, registry
from ..pool import Pool
from ..pool.buckets import BOUNDS
from ..pool.timed import Meter, meter
from . import readings
from .readings import Reading

_POOL_NAME = "db.client.connection.pool.name"
_STATE = "db.client.connection.state"

Attributes = Mapping[str, str]

_registered = False


def register(meter_provider: MeterProvider | None = None) -> None:
    """Begin to count, and tell ``meter_provider``, else the global one.

    Call it once gevent has patched the process and before the first query, as in
    ``AppConfig.ready()``; a second call does nothing.
    """
    global _registered  # noqa: PLW0603  there is one
    if _registered:
        return
    _registered = True
    instruments = get_meter("django_pgpool", __version__, meter_provider)
    up_down = partial(_observed, instruments.create_observable_up_down_counter)
    up_down(
        "db.client.connection.count",
        "{connection}",
        "The number of connections that are currently in state described by the `state` attribute.",
        lambda reading: [
            (reading.states["idle"], {_STATE: "idle"}),
            (reading.states["in_use"], {_STATE: "used"}),
        ],
    )
    up_down(
        "db.client.connection.idle.max",
        "{connection}",
        "The maximum number of idle open connections allowed.",
        lambda reading: [(reading.maxsize, {})],
    )
    up_down(
        "db.client.connection.idle.min",
        "{connection}",
        "The minimum number of idle open connections allowed.",
        lambda reading: [(reading.minsize, {})],
    )
    up_down(
        "db.client.connection.max",
        "{connection}",
        "The maximum number of open connections allowed.",
        lambda reading: [(reading.maxsize, {})],
    )
    up_down(
        "db.client.connection.pending_requests",
        "{request}",
        "The number of current pending requests for an open connection.",
        lambda reading: [(reading.waiting, {})],
    )
    _observed(
        instruments.create_observable_counter,
        "db.client.connection.timeouts",
        "{timeout}",
        "The number of connection timeouts that have occurred trying to obtain a connection from "
        "the pool.",
        lambda reading: [(reading.counted["exhausted"], {})],
    )

    def histogram(name: str, description: str) -> Histogram:
        # The SDK's own boundaries are meant for milliseconds.
        return instruments.create_histogram(
            name, "s", description, explicit_bucket_boundaries_advisory=BOUNDS
        )

    create_time = histogram(
        "db.client.connection.create_time", "The time it took to create a new connection."
    )
    wait_time = histogram(
        "db.client.connection.wait_time",
        "The time it took to obtain an open connection from the pool.",
    )
    use_time = histogram(
        "db.client.connection.use_time",
        "The time between borrowing a connection and returning it to the pool.",
    )

    def watch(pool: Pool[Any]) -> None:
        name = {_POOL_NAME: pool.name}
        meter(
            pool,
            Meter(
                waited=partial(wait_time.record, attributes=name),
                gave_up=_ignore,
                used=partial(use_time.record, attributes=name),
                opened=partial(create_time.record, attributes=name),
            ),
        )

    readings.begin()
    registry.watch(watch)


def _observed(
    create: Callable[..., object],
    name: str,
    unit: str,
    description: str,
    of: Callable[[Reading], Iterable[tuple[int, Attributes]]],
) -> None:
    def callback(options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(value, {_POOL_NAME: reading.alias, **attributes})
            for reading in readings.read()
            for value, attributes in of(reading)
        ]

    create(name, callbacks=[callback], unit=unit, description=description)


def _ignore(seconds: float) -> None:
    """Who gave up has not obtained a connection: ``wait_time`` is of those who have."""
