"""A site under gunicorn."""

from __future__ import annotations

from ...engines import (
    FREE,
    FREE_ON_DJANGOS_WAY,
    GEVENTPOOL2,
    NATIVE,
    PERSISTENT,
    PGPOOL,
    SQLALCHEMY,
    Engine,
)
from ..measures.web import CLIENTS
from .subject import Effort, Metric, Section, Subject, Target, aims, under_django

RATE = Target(0.98, ratio=True, at_least=True)
P99 = Target(1.05, ratio=True)
FAILED = Target(0)
ENGINES = (PGPOOL, FREE_ON_DJANGOS_WAY, FREE, PERSISTENT, GEVENTPOOL2, NATIVE, SQLALCHEMY)


def _site(engine: Engine) -> Subject:
    name, free = engine.name, FREE_ON_DJANGOS_WAY.name
    metrics = (
        Metric("rate", f"{name}: requests", "/s", f"{free}.rate", aims(engine, RATE)),
        Metric("p99", f"{name}: p99", "ms", f"{free}.p99", aims(engine, P99)),
        Metric("failed", f"{name}: requests that failed", "", None, aims(engine, FAILED)),
        Metric("connections", f"{name}: connections at the server", ""),
    )
    return under_django(engine, "web", metrics)


SECTION = Section(
    "web",
    f"Django under gunicorn -k gevent, one worker, one ORM read per request; wrk -c{CLIENTS}",
    "the free pool",
    tuple(_site(engine) for engine in ENGINES),
    Effort(7, 3.0),
    Effort(2, 1.0),
)
