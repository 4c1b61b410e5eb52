"""A crowd at an empty pool."""

from __future__ import annotations

from ...engines import (
    FREE,
    FREE_ON_DJANGOS_WAY,
    GEVENTPOOL2,
    GEVENTPOOL_REUSING,
    MAXSIZE,
    NATIVE,
    NATIVE_FULL,
    PGPOOL,
    SQLALCHEMY,
    Engine,
)
from .subject import Effort, Metric, Section, Subject, Target, aims, under_django

WALL = Target(1.05, ratio=True)
MOST = Target(MAXSIZE)


def _cold(engine: Engine, greenlets: int) -> Subject:
    name, free = engine.name, FREE_ON_DJANGOS_WAY.name
    metrics = (
        Metric("wall", f"{name}: until all are served", "ms", f"{free}.wall", aims(engine, WALL)),
        Metric("openings", f"{name}: openings", "", f"{free}.openings"),
        Metric("most", f"{name}: most connections at a time", "", targets=aims(engine, MOST)),
    )
    return under_django(engine, "cold", metrics, counted=True, greenlets=greenlets)


def _section(name: str, greenlets: int, ideal: int, rounds: int) -> Section:
    engines = (
        PGPOOL,
        FREE_ON_DJANGOS_WAY,
        FREE,
        GEVENTPOOL2,
        GEVENTPOOL_REUSING,
        NATIVE,
        NATIVE_FULL,
        SQLALCHEMY,
    )
    return Section(
        name,
        f"Django: {greenlets} greenlets at an empty pool of {MAXSIZE}, each for a statement of"
        f" 20 ms (ideal: {ideal} ms)",
        "the free pool",
        tuple(_cold(engine, greenlets) for engine in engines),
        Effort(rounds, 0.5),
        Effort(3, 0.5),
    )


SPIKE = _section("spike", 200, 200, rounds=30)
GROWTH = _section("growth", MAXSIZE, 20, rounds=100)
"""So many because a round is short, and one differs from the other by a fifth."""
