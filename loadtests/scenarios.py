"""What a run does to the site: how much load, when, and with which pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from .arrivals import Arrival, Phase, arrivals

ARTICLES = 1000
"""How many there are in the shop: see the site's first migration."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """The OPTIONS under test; durations in seconds."""

    maxsize: int
    maxwait: float
    expires: float
    cleanup: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of load. The same scenario and seed give the same requests at the same times."""

    name: str
    description: str
    phases: tuple[Phase, ...]
    mix: Mapping[str, float]
    """How often each kind of request is made, relative to the others."""
    hold: float
    """Seconds for which a ``report`` keeps its connection busy."""
    pool: PoolSettings
    seed: int

    @property
    def seconds(self) -> float:
        """Length of the run."""
        return sum(phase.seconds for phase in self.phases)

    def phase_at(self, elapsed: float) -> Phase:
        """The phase that runs after ``elapsed`` seconds; the last one from its beginning on."""
        end = 0.0
        for phase in self.phases:
            end += phase.seconds
            if elapsed < end:
                return phase
        return self.phases[-1]

    def arrivals(self) -> Iterator[Arrival]:
        """The requests, in the order of time."""
        numbers = range(1, ARTICLES + 1)
        pages = {
            "read": [f"/read/{number}" for number in numbers],
            "write": [f"/write/{number}" for number in numbers],
            "report": [f"/report/{round(self.hold * 1000)}"],
        }
        return arrivals(self.phases, self.mix, pages, self.seed)


def day(
    *, rate: float, hold: float, pool: PoolSettings, seed: int = 1, scale: float = 1.0
) -> Scenario:
    """Quiet, morning ramp, peak, evening, and a night without any request.

    ``rate`` is that of the peak, in requests per second. ``scale`` shortens or stretches the whole
    day and with it ``expires`` and ``cleanup``, so that the pool goes through the same life.
    """
    quiet = rate / 20
    phases = (
        Phase("quiet", 8 * scale, quiet, quiet),
        Phase("morning", 14 * scale, quiet, rate),
        Phase("peak", 14 * scale, rate, rate),
        Phase("evening", 12 * scale, rate, quiet),
        # Long enough to see the pool reach zero, however short the day.
        Phase("night", max(10 * scale, pool.cleanup * scale + 2), 0, 0),
    )
    return Scenario(
        name="day",
        description=describe(day),
        phases=phases,
        mix={"read": 4, "write": 2, "report": 4},
        hold=hold,
        pool=replace(
            pool, expires=round(pool.expires * scale, 3), cleanup=round(pool.cleanup * scale, 3)
        ),
        seed=seed,
    )


def describe(make: Callable[..., Scenario]) -> str:
    """What a scenario is, in one line."""
    return (make.__doc__ or "").partition("\n")[0]


SCENARIOS: dict[str, Callable[..., Scenario]] = {"day": day}
