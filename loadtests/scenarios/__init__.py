"""The scenarios: what a run does to the site. One file for each."""

from __future__ import annotations

from collections.abc import Mapping

from .day import day
from .failover import failover
from .killer import killer
from .leak import leak
from .outage import outage
from .saturation import saturation
from .scenario import Common, Fault, Front, Kind, Plan, PoolSettings, Scenario
from .slow import slow
from .soak import soak
from .spike import spike
from .steady import steady

__all__ = [
    "SCENARIOS",
    "Common",
    "Fault",
    "Front",
    "Kind",
    "Plan",
    "PoolSettings",
    "Scenario",
]

_KINDS = (
    Kind("steady", steady),
    Kind("spike", spike),
    Kind("day", day),
    Kind("saturation", saturation, {"maxwait": 1.0}),
    Kind("slow", slow),
    Kind("outage", outage, {"maxwait": 1.0}),
    Kind("failover", failover, {"maxwait": 1.0}),
    Kind("killer", killer),
    Kind("leak", leak),
    Kind("soak", soak),
)

SCENARIOS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
"""By name."""
