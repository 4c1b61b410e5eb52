"""What is compared: names, and how the pool of each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Protocol

from django_pgpool.pool import Pool
from django_pgpool.pool.growth import Growth

from ..virtual_time import Simulation
from . import growing, shrinking
from .free import FreePool
from .server import Server


class Subject(Protocol):
    """A pool as requests see it."""

    def acquire(self) -> Any:
        """Wait for a connection; there is no limit to that."""

    def release(self, held: Any, /) -> None:
        """Give back what ``acquire`` returned."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a pool is run."""

    simulation: Simulation
    server: Server
    maxsize: int
    cleanup: float
    """Seconds."""
    random: Random


class Real:
    """The pool's own code, with a growth policy of ours or its own."""

    def __init__(
        self,
        site: Site,
        growth: type[Growth] = Growth,
        pool: type[Pool[Any]] = Pool,
    ) -> None:
        self.pool = pool(
            site.server,
            maxsize=site.maxsize,
            maxwait=float("inf"),
            expires=None,
            cleanup=site.cleanup,
            runtime=site.simulation,
            clock=site.simulation.clock,
            random=site.random,
        )
        self.pool._growth = growth(site.random)
        self.acquire = self.pool.acquire

    def release(self, held: Any) -> None:
        self.pool.release(held, held.lease)


@dataclass(frozen=True, slots=True)
class Policy:
    """One of those that are compared."""

    name: str
    note: str
    build: Callable[[Site], Subject]


def _free(site: Site) -> Subject:
    return FreePool(site.simulation, site.server, site.maxsize, site.cleanup)


def _real(
    name: str,
    note: str,
    growth: type[Growth] = Growth,
    pool: type[Pool[Any]] = Pool,
    part: int = 1,
) -> Policy:
    """``part``: the pool gets so small a part of ``cleanup``."""

    def build(site: Site) -> Subject:
        return Real(replace(site, cleanup=site.cleanup / part), growth, pool)

    return Policy(name, note, build)


REFERENCE = "exact LIFO"
FREE = Policy(
    REFERENCE,
    "reference: who finds nothing idle opens a connection and waits for that one; what was idle for"
    " cleanup is closed at that moment",
    _free,
)
OWN = _real("the pool", "as it is: slow start, prediction and waiting added up; cleanup")
SLOW = _real("slow start", "one, two, four, eight at a time", growing.SlowStart)
FOUR = _real("slow start from four", "four, eight at a time", growing.FromFour)

OPENING = (
    FREE,
    _real("eager", "an opening for each waiter at once", growing.Eager),
    _real("one at a time", "the next opening when the last has ended", growing.OneAtATime),
    SLOW,
    _real("slow start from two", "two, four, eight at a time", growing.FromTwo),
    FOUR,
    _real("slow start from eight", "eight, sixteen at a time", growing.FromEight),
    OWN,
    _real("pool, not added up", "prediction without adding up waiting", growing.PredictedOnly),
    _real("pool, not predicted", "adding up waiting without prediction", growing.OwedOnly),
    _real("pool, no slow start", "as many at a time as seem to pay", growing.WithoutSlowStart),
)
SQUARE_ROOT = _real(
    "b + 3 sqrt b + 1",
    "the pool; soon, what is above the load b and its spread",
    pool=shrinking.SquareRoot,
)
CLOSING = (
    FREE,
    OWN,
    _real("cleanup / 2", "the pool with half the idle time", part=2),
    _real("cleanup / 4", "the pool with a quarter of the idle time", part=4),
    _real("cleanup / idle", "the pool; the more are idle, the sooner", pool=shrinking.Shared),
    _real("100 openings", "the pool; after 100 times an opening's time", pool=shrinking.Rent),
    _real("2 b + 2", "the pool; soon, what is above twice the load b and 2", pool=shrinking.Load),
    SQUARE_ROOT,
)
BOTH = (
    FREE,
    OWN,
    SQUARE_ROOT,
    SLOW,
    _real("slow start, cleanup / 2", "both", growing.SlowStart, part=2),
    _real("slow start, sqrt", "with b + 3 sqrt b + 1", growing.SlowStart, shrinking.SquareRoot),
    FOUR,
    _real("from four, cleanup / 2", "both", growing.FromFour, part=2),
    _real("from four, sqrt", "with b + 3 sqrt b + 1", growing.FromFour, shrinking.SquareRoot),
)
SIDES = {"opening": OPENING, "closing": CLOSING, "both": BOTH}
"""What is compared with what. A policy of several sides is simulated once."""
