"""One scenario of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engines import OWN
from ..scenarios import Scenario
from .contestants import Contestant


@dataclass(slots=True)
class Part:
    """What came of one scenario."""

    scenario: Scenario
    contestants: Sequence[Contestant]
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The data of each round that was completed, by the name of the contestant."""
    missing: dict[str, str] = field(default_factory=dict)
    """Why an engine has no numbers, by its name."""

    @property
    def complete(self) -> bool:
        """There is a round of the engine that all others are compared with."""
        return OWN in self.runs

    def turns(self, number: int, rounds: int) -> list[Contestant]:
        """The order of one round: each begins elsewhere, so that nobody is always the first."""
        first = number * len(self.contestants) // rounds
        return [*self.contestants[first:], *self.contestants[:first]]
