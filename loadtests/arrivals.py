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
    burst: int = 0
    """Requests that come all at once at its beginning, beside the others."""


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
        for offset in _offsets(phase, chance):
            kind = chance.choices(kinds, weights)[0]
            yield Arrival(begin + offset, chance.choice(pages[kind]), kind, phase.name)
        begin += phase.seconds


def _offsets(phase: Phase, chance: random.Random) -> Iterator[float]:
    yield from (0.0 for _ in range(phase.burst))
    yield from poisson(phase, chance)


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


def begun(phases: Sequence[Phase], seconds: float) -> dict[str, float]:
    """How long each phase has lasted after ``seconds``, by name: those of the same name together,
    and without those that were not begun."""
    lengths: dict[str, float] = {}
    begin = 0.0
    for phase in phases:
        if seconds > begin:
            lasted = min(phase.seconds, seconds - begin)
            lengths[phase.name] = lengths.get(phase.name, 0.0) + lasted
        begin += phase.seconds
    return lengths
