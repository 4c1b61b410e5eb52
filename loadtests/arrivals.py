"""When requests arrive: a Poisson process whose rate follows the phases of a scenario."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time in which the rate goes in a straight line from ``start`` to ``end``."""

    name: str
    seconds: float
    start: float
    """Requests per second at its beginning."""
    end: float
    """Requests per second at its end."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that will be sent, whatever has become of the earlier ones."""

    at: float
    """Seconds since the start of the run."""
    path: str
    kind: str
    phase: str


def arrivals(
    phases: Sequence[Phase], mix: Mapping[str, float], pages: Mapping[str, Sequence[str]], seed: int
) -> Iterator[Arrival]:
    """The requests of a run in the order of time; the same seed gives the same requests.

    ``mix`` says how often each kind of request is chosen, relative to the others, and ``pages``
    which paths there are of each kind.
    """
    chance = random.Random(seed)
    kinds, weights = list(mix), list(mix.values())
    begin = 0.0
    for phase in phases:
        for offset in poisson(phase, chance):
            kind = chance.choices(kinds, weights)[0]
            yield Arrival(begin + offset, chance.choice(pages[kind]), kind, phase.name)
        begin += phase.seconds


def poisson(phase: Phase, chance: random.Random) -> Iterator[float]:
    """Thinning: arrivals at the highest rate, of which a share is kept as the rate is lower."""
    highest = max(phase.start, phase.end)
    if highest <= 0:
        return
    at = chance.expovariate(highest)
    while at < phase.seconds:
        rate = phase.start + (phase.end - phase.start) * at / phase.seconds
        if chance.random() * highest < rate:
            yield at
        at += chance.expovariate(highest)
