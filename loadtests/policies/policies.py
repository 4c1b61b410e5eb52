"""What is compared: names, and how the pool of each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Protocol

from django_pgpool.pool import Pool
from django_pgpool.pool.demand import Demand
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
    """The pool's own code, with its own policies or with others."""

    def __init__(
        self,
        site: Site,
        growth: type[Growth] = Growth,
        pool: type[Pool[Any]] = Pool,
        demand: type[Demand] = Demand,
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
        self.pool._demand = demand(site.simulation.now, self.pool._soon)
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
    demand: type[Demand] = Demand,
    part: int = 1,
) -> Policy:
    """``part``: the pool gets so small a part of ``cleanup``."""

    def build(site: Site) -> Subject:
        return Real(replace(site, cleanup=site.cleanup / part), growth, pool, demand)

    return Policy(name, note, build)


REFERENCE = "exact LIFO"
FREE = Policy(
    REFERENCE,
    "reference: who finds nothing idle opens a connection and waits for that one; what was idle for"
    " cleanup is closed at that moment",
    _free,
)
OWN = _real(
    "the pool",
    "as it is: four at a time, more while that takes long and they do not delay each other; closed"
    " after cleanup, or soon if above b + 4 sqrt b + 1, the load and its spread",
)
ALONE = shrinking.Everything

OPENING = (
    FREE,
    _real("eager", "an opening for each waiter at once", growing.Eager),
    _real("one at a time", "the next opening when the last has ended", growing.OneAtATime),
    _real("slow start", "one, two, four, eight at a time", growing.SlowStart),
    _real("slow start from two", "two, four, eight at a time", growing.FromTwo),
    _real("slow start from four", "four, eight at a time", growing.FromFour),
    _real("slow start from eight", "eight, sixteen at a time", growing.FromEight),
    _real("four at a time", "never more", growing.Steady),
    OWN,
    _real(
        "slow start, predicted",
        "only where a release would not come sooner, or waiting has cost as much as an opening",
        growing.Predicted,
        growing.Predicting,
    ),
)
CLOSING = (
    FREE,
    OWN,
    _real("cleanup", "the pool; after cleanup, nothing sooner", demand=ALONE),
    _real("cleanup / 2", "after half of it", demand=ALONE, part=2),
    _real("cleanup / 4", "after a quarter of it", demand=ALONE, part=4),
    _real("cleanup / idle", "the more are idle, the sooner", pool=shrinking.Shared),
    _real("100 openings", "after 100 times an opening's time", pool=shrinking.Rent),
    _real("2 b + 2", "the pool; soon, what is above twice the load and 2", demand=shrinking.Twice),
    _real("b + 3 sqrt b + 1", "the pool, with less of the spread", demand=shrinking.Narrow),
    _real("b + 2 sqrt b + 1", "the same, still less", demand=shrinking.Narrower),
)
SIDES = {"opening": OPENING, "closing": CLOSING}
"""What is compared with what. A policy of several sides is simulated once."""
