"""How few connections will do for a day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...engines import (
    FREE,
    GEVENTPOOL2,
    GEVENTPOOL_REUSING,
    MAXSIZE,
    NATIVE,
    PGPOOL,
    SQLALCHEMY,
    Engine,
)
from ..measures.day import IDLE, SECONDS
from .subject import Effort, Metric, Section, Subject, Target, aims, under_django

HELD = Target(3.5)
NONE_LEFT = Target(0)
P99 = Target(1.05, ratio=True)


def _idle(engine: Engine, about: str, **options: Any) -> Engine:
    return replace(engine, about=f"{engine.about}; {about}", options={**engine.options, **options})


LIFO = replace(
    FREE,
    name="exact LIFO",
    about=f"the free pool; what has been idle for {IDLE:g} s is closed at that moment",
    options={**FREE.options, "idle": IDLE},
)
PGPOOL_BRIEF = _idle(PGPOOL, f"day: cleanup={IDLE:g}", cleanup=IDLE)
NATIVE_BRIEF = _idle(
    NATIVE, f"day: max_idle={IDLE:g}", pool={**NATIVE.options["pool"], "max_idle": IDLE}
)


def _day(engine: Engine) -> Subject:
    name, lifo = engine.name, LIFO.name
    phases = tuple(
        Metric(phase, f"{name}: p99 {phase}", "ms", f"{lifo}.{phase}", aims(engine, P99))
        for phase in ("morning", "peak", "evening")
    )
    metrics = (
        Metric("held", f"{name}: held / needed", "", f"{lifo}.held", aims(engine, HELD)),
        Metric("openings", f"{name}: openings", "", f"{lifo}.openings"),
        Metric("left", f"{name}: connections left", "", targets=aims(engine, NONE_LEFT)),
        *phases,
    )
    return under_django(engine, "day", metrics, counted=True, limit=MAXSIZE)


SECTION = Section(
    "day",
    "Django: a day of requests of 30 ms: 5/s for 10 s, 150/s for 10 s, 5/s for 15 s, none for 5 s;"
    f" idle time-out {IDLE:g} s",
    "exact LIFO",
    tuple(
        _day(engine)
        for engine in (
            PGPOOL_BRIEF,
            LIFO,
            GEVENTPOOL2,
            GEVENTPOOL_REUSING,
            NATIVE_BRIEF,
            SQLALCHEMY,
        )
    ),
    Effort(3, SECONDS),
    None,
)
