"""What a scenario has tried, and what was lost by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

_MOST_SHOWN = 6


@dataclass
class Outcome:
    """Everything but ``tried`` and ``remarks`` has to be nothing at all."""

    tried: int = 0
    slots: int = 0
    """That cannot be had at the end."""
    sessions: int = 0
    """Of the pool that the server still has after the end."""
    foreign: int = 0
    """Results that belonged to somebody else."""
    hung: int = 0
    """Greenlets, threads or processes that had to be given up."""
    in_transaction: int = 0
    """Sessions that were left 'idle in transaction'."""
    above: float = 0.0
    """Seconds for which the server had more sessions than maxsize."""
    requests: int = 0
    """That failed though nothing was done to them."""
    broken: list[str] = field(default_factory=list)
    """Other promises that were not kept, in words."""
    remarks: list[str] = field(default_factory=list)

    def check(self, kept: object, promise: str) -> None:
        """Note a promise that was not kept."""
        if not kept:
            self.broken.append(promise)

    def fail(self, error: object) -> None:
        """Note a request that failed for no reason; the first few of them in words."""
        self.requests += 1
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        if len(self.broken) < _MOST_SHOWN and text not in self.broken:
            self.broken.append(text)

    @property
    def clean(self) -> bool:
        counts = (self.slots, self.sessions, self.foreign, self.hung, self.in_transaction)
        return not (any(counts) or self.above or self.requests or self.broken)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Outcome:
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True)
class Run:
    """What a scenario is given."""

    quick: bool
    seed: int
    chance: Random
    outcome: Outcome

    def pick(self, long: int, quick: int) -> int:
        """How often, or for how long."""
        return quick if self.quick else long


Scenario = Callable[[Run], None]
