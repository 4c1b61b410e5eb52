"""The result as plain data: what the JSON file holds and the tables are made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from .bench import Outcome
from .facts import versions
from .rows import Row

FORMAT = 1
"""Number of the format of the JSON file."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run that has ended."""

    began: datetime
    command: str
    rounds: int
    seconds: float
    """That a subject got in each round, about."""
    machine: dict[str, Any]
    outcome: Outcome
    rows: list[Row]

    def about(self) -> list[tuple[str, str]]:
        """Where and how it was measured."""
        machine, found = self.machine, versions(self.outcome.server)
        server = "embedded, unix socket" if self.outcome.embedded else "the server of DATABASE_URL"
        processors = f"{machine['cpus']} CPUs ({machine['system']} {machine['architecture']})"
        rounds = f"rounds: {self.rounds}, of about {self.seconds:g} s per process, in turn"
        return [
            ("versions", ", ".join(f"{name} {number}" for name, number in found.items())),
            ("PostgreSQL", server),
            ("machine", f"{processors}, load average before the run {machine['load_before']:g}"),
            ("run", f"{self.began:%Y-%m-%d %H:%M} UTC, {rounds}; {self.command}"),
        ]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": FORMAT,
            "began": self.began.isoformat(timespec="seconds"),
            "command": self.command,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "machine": self.machine,
            "versions": versions(self.outcome.server),
            "embedded": self.outcome.embedded,
            "rows": [asdict(row) for row in self.rows],
        }
