"""What is asked of a pool: when requests come, and for how long each uses a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from ..arrivals import Phase, poisson

MAXSIZE = 20
CLEANUP = 3.0
"""Seconds; as in the day of the measurements that the pool is compared with."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: all it does is to use a connection."""

    at: float
    """Seconds since the start."""
    use: float
    """Seconds for which it holds its connection."""
    phase: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A named load, and the pool that it meets."""

    name: str
    description: str
    requests: Callable[[int], list[Request]]
    """By seed, in the order of time."""
    maxsize: int = MAXSIZE
    cleanup: float = CLEANUP
    brief: bool = False
    """It is over so soon that its connection-seconds only tell how long ``cleanup`` is."""


def constant(seconds: float) -> Callable[[Random], float]:
    """Every use takes the same time."""
    return lambda chance: seconds


def exponential(mean: float) -> Callable[[Random], float]:
    """Use times as they are without memory; ``mean`` in seconds."""
    return lambda chance: chance.expovariate(1 / mean)


def pareto(mean: float, shape: float, most: float) -> Callable[[Random], float]:
    """Heavy-tailed use times: ``mean`` seconds but for the cut at ``most`` seconds."""
    least = mean * (shape - 1) / shape
    return lambda chance: min(least * chance.paretovariate(shape), most)


def _synthetic(
    name: str,
    description: str,
    phases: tuple[Phase, ...],
    use: Callable[[Random], float],
    *,
    brief: bool = False,
) -> Trace:
    """Poisson arrivals at the rates of ``phases``."""

    def requests(seed: int) -> Iterator[Request]:
        chance = Random(f"{name} {seed}")
        begin = 0.0
        for phase in phases:
            for offset in poisson(phase, chance):
                yield Request(begin + offset, use(chance), phase.name)
            begin += phase.seconds

    return Trace(name, description, lambda seed: list(requests(seed)), brief=brief)


def _flat(name: str, seconds: float, rate: float) -> Phase:
    return Phase(name, seconds, rate, rate)


TRACES = (
    _synthetic(
        "day",
        "5/s for 10 s, 150/s for 10 s, 5/s for 15 s; 30 ms in use",
        (_flat("morning", 10, 5), _flat("peak", 10, 150), _flat("evening", 15, 5)),
        constant(0.03),
    ),
    _synthetic(
        "steady",
        "150/s for 20 s; 30 ms in use, exponential",
        (_flat("steady", 20, 150),),
        exponential(0.03),
    ),
    _synthetic(
        "full",
        "600/s for 10 s: nine tenths of what the limit can do; 30 ms in use, exponential",
        (_flat("full", 10, 600),),
        exponential(0.03),
    ),
    _synthetic(
        "bursts",
        "ten times 40 requests within 10 ms, then 10/s for 2 s; 20 ms in use",
        (_flat("burst", 0.01, 4000), _flat("lull", 2, 10)) * 10,
        constant(0.02),
    ),
    _synthetic(
        "waves",
        "four times 200/s for 3 s, then 5/s for 6 s; 30 ms in use, exponential",
        (_flat("high", 3, 200), _flat("low", 6, 5)) * 4,
        exponential(0.03),
    ),
    _synthetic(
        "ramp",
        "from 5/s to 400/s in 20 s and back in 10 s; 30 ms in use, exponential",
        (Phase("up", 20, 5, 400), Phase("down", 10, 400, 5)),
        exponential(0.03),
    ),
    _synthetic(
        "heavy tail",
        "60/s for 30 s; 60 ms in use on average, Pareto (1.5), at most 5 s",
        (_flat("heavy tail", 30, 60),),
        pareto(0.06, 1.5, 5.0),
    ),
    _synthetic(
        "cold growth",
        "20 requests within 1 ms to an empty pool; 20 ms in use",
        (_flat("cold growth", 0.001, 20_000),),
        constant(0.02),
        brief=True,
    ),
    _synthetic(
        "cold spike",
        "200 requests within 1 ms to an empty pool; 20 ms in use",
        (_flat("cold spike", 0.001, 200_000),),
        constant(0.02),
        brief=True,
    ),
)
