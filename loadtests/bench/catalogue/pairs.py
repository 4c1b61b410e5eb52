"""What Django pays for a connection, and for giving it back."""

from __future__ import annotations

from ...engines import (
    FREE,
    FREE_ON_DJANGOS_WAY,
    GEVENTPOOL2,
    GEVENTPOOL3,
    NATIVE,
    OWN,
    PERSISTENT,
    PGPOOL,
    SQLALCHEMY,
    SQLALCHEMY_BLIND,
    UNPOOLED,
    Engine,
)
from .subject import Metric, Section, Subject, Target, aims, under_django

COMPARED = (
    PGPOOL,
    PERSISTENT,
    UNPOOLED,
    GEVENTPOOL2,
    GEVENTPOOL3,
    NATIVE,
    SQLALCHEMY,
    SQLALCHEMY_BLIND,
    FREE,
    FREE_ON_DJANGOS_WAY,
)


def _pair(engine: Engine) -> Subject:
    metric = Metric("pair", engine.name, base=f"{OWN}.pair", targets=aims(engine, Target(4)))
    return under_django(engine, "django_pair", (metric,))


SECTION = Section(
    "pair",
    "Django: ensure_connection() + close(), one greenlet, PostgreSQL",
    OWN,
    tuple(_pair(engine) for engine in COMPARED),
)
