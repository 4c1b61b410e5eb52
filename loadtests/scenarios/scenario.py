"""What a run does to the site: how much load, when, with which pool, and what goes wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..arrivals import Arrival, Phase, arrivals

ARTICLES = 1000
"""How many there are in the shop: see the site's first migration."""

Front = Literal["http", "greenlets"]
Action = Literal["stop", "start", "kill", "promote"]
Servers = Literal["any", "own", "standby"]


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """The OPTIONS under test; durations in seconds."""

    maxsize: int
    maxwait: float
    expires: float
    cleanup: float


@dataclass(frozen=True, slots=True)
class Common:
    """What every scenario is given, beside its own parameters."""

    pool: PoolSettings
    """Of each worker."""
    front: Front = "http"
    workers: int = 1
    seed: int = 1
    scale: float = 1.0
    """All lengths of time of the scenario are multiplied with it. Those of ``pool`` are not."""

    @property
    def limit(self) -> int:
        """The most connections that all workers together may have."""
        return self.pool.maxsize * self.workers


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to the server at ``at``, in seconds since the start of the run."""

    at: float
    action: Action


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scenario comes to with its parameters."""

    phases: tuple[Phase, ...]
    mix: Mapping[str, float]
    """How often each kind of request is made, relative to the others."""
    pages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Paths by kind, for those kinds that are not simply an article."""
    faults: tuple[Fault, ...] = ()
    servers: Servers = "any"
    """Which server it needs: one that is ours to stop (own), or two (standby)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of load. The same scenario and seed give the same requests at the same times."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """The scenario's own options."""
    common: Common
    plan: Plan

    @property
    def pool(self) -> PoolSettings:
        """That of each worker."""
        return self.common.pool

    @property
    def seconds(self) -> float:
        """Length of the run."""
        return sum(phase.seconds for phase in self.plan.phases)

    def spans(self) -> Iterator[tuple[Phase, float]]:
        """Each phase with the second at which it begins."""
        begin = 0.0
        for phase in self.plan.phases:
            yield phase, begin
            begin += phase.seconds

    @property
    def pages(self) -> dict[str, Sequence[str]]:
        """Paths by kind of request."""
        articles = {
            kind: [f"/{kind}/{number}" for number in range(1, ARTICLES + 1)]
            for kind in self.plan.mix
            if kind not in self.plan.pages
        }
        return {**articles, **self.plan.pages}

    def arrivals(self) -> Iterator[Arrival]:
        """The requests, in the order of time."""
        return arrivals(self.plan.phases, self.plan.mix, self.pages, self.common.seed)


@dataclass(frozen=True, slots=True)
class Kind:
    """A scenario that can be run, still without its parameters.

    ``make`` takes a Common and, by keyword, the scenario's own parameters, which all have defaults.
    """

    name: str
    make: Callable[..., Plan]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the shared options are by default in this scenario, where that differs."""

    @property
    def description(self) -> str:
        """What it is, in one line."""
        return (inspect.getdoc(self.make) or "").partition("\n")[0]

    def parameters(self) -> list[inspect.Parameter]:
        """The scenario's own, with their annotations."""
        return list(inspect.signature(self.make, eval_str=True).parameters.values())[1:]

    def build(self, common: Common, **own: Any) -> Scenario:
        """The scenario with these parameters, and defaults for the others. Raises LoadTestError
        where they make no sense together."""
        values = {parameter.name: parameter.default for parameter in self.parameters()} | own
        plan = self.make(common, **values)
        return Scenario(self.name, self.description, values, common, plan)


def report_page(hold: float) -> list[str]:
    """The path of a request that keeps its connection busy for ``hold`` seconds."""
    return [f"/report/{round(hold * 1000)}"]
