"""What to put into OPTIONS, from how the pool was used: in a load test, or on a real site."""

from __future__ import annotations

from typing import Any

from . import rules
from .from_run import profile_of
from .profile import Profile, Recommendation
from .rules import recommendations

__all__ = ["Profile", "Recommendation", "recommend", "recommendations"]

ORDINARY = frozenset({"steady", "spike", "day", "slow", "soak"})
"""Scenarios that stand for what a site has to live with; the others break something on purpose."""


def recommend(data: dict[str, Any]) -> list[Recommendation]:
    """From the results of a run (format 2). Empty where they say nothing about an ordinary load,
    or the engine has no pool of ours."""
    if data["scenario"]["name"] not in ORDINARY or data["failure"] or data["interrupted"]:
        return []
    profile = profile_of(data)
    if profile is None:
        return []
    return [rules.in_a_short_run(line, profile) for line in recommendations(profile)]
