"""ORM reads of more greenlets than connections."""

from __future__ import annotations

from ...engines import (
    FREE,
    FREE_ON_DJANGOS_WAY,
    GEVENTPOOL2,
    GEVENTPOOL_REUSING,
    MAXSIZE,
    NATIVE,
    PERSISTENT,
    PGPOOL,
    SQLALCHEMY,
    SQLALCHEMY_BLIND,
    Engine,
)
from ..measures.orm_read import GREENLETS
from .subject import Effort, Metric, Section, Subject, Target, aims, under_django

OPS = Target(0.97, ratio=True, at_least=True)
P99 = Target(1.05, ratio=True)
SPREAD = Target(0.02)


def _read(engine: Engine, connections: int = MAXSIZE) -> Subject:
    name, free = engine.name, FREE_ON_DJANGOS_WAY.name
    metrics = (
        Metric("ops", f"{name}: reads", "/s", f"{free}.ops", aims(engine, OPS)),
        Metric("cpu", f"{name}: one read", "us CPU", f"{free}.cpu"),
        Metric("p99", f"{name}: p99 of a read", "ms", f"{free}.p99", aims(engine, P99)),
        Metric("spread", f"{name}: reads per greenlet", "CV", targets=aims(engine, SPREAD)),
        Metric("starved", f"{name}: greenlets without a read", ""),
    )
    return under_django(engine, "orm_read", metrics, cleared=True, connections=connections)


SECTION = Section(
    "orm",
    f"Django: {GREENLETS} greenlets that read one row with the ORM, {MAXSIZE} connections"
    f" (persistent: {GREENLETS})",
    "the free pool",
    (
        _read(PGPOOL),
        _read(FREE_ON_DJANGOS_WAY),
        _read(FREE),
        _read(PERSISTENT, GREENLETS),
        _read(GEVENTPOOL2),
        _read(GEVENTPOOL_REUSING),
        _read(NATIVE),
        _read(SQLALCHEMY),
        _read(SQLALCHEMY_BLIND),
    ),
    Effort(7, 4.0),
    Effort(1, 2.0),
)
