"""What to put into OPTIONS, from how the pool was used: in a load test, or on a real site."""

from __future__ import annotations

from typing import Any

from .from_run import profile_of
from .profile import Profile, Recommendation
from .rules import recommendations

__all__ = ["Profile", "Recommendation", "recommend", "recommendations"]


def recommend(
    data: dict[str, Any], workers: int | None = None, max_connections: int | None = None
) -> list[Recommendation]:
    """From the results of a run (format 2). Empty where the engine has no pool of ours."""
    profile = profile_of(data)
    return recommendations(profile, workers, max_connections) if profile else []
