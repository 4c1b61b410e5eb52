"""The result as plain data: what the JSON file holds and the tables are made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from .bench import Outcome
from .catalogue.subject import Effort, Section
from .facts import versions
from .rows import Row

FORMAT = 2
"""Number of the format of the JSON file."""


@dataclass(frozen=True, slots=True)
class Found:
    """One table."""

    section: Section
    effort: Effort
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Result:
    """A run that has ended."""

    began: datetime
    command: str
    machine: dict[str, Any]
    outcome: Outcome
    tables: list[Found]

    @property
    def rows(self) -> list[Row]:
        return [row for table in self.tables for row in table.rows]

    def about(self) -> list[tuple[str, str]]:
        """Where and how it was measured."""
        machine, found = self.machine, versions(self.outcome.server)
        server = "embedded, unix socket" if self.outcome.embedded else "the server of DATABASE_URL"
        processors = f"{machine['cpus']} CPUs ({machine['system']} {machine['architecture']})"
        rounds = ", ".join(
            f"{table.section.name} {table.effort.rounds} x {table.effort.seconds:g} s"
            for table in self.tables
        )
        return [
            ("versions", ", ".join(f"{name} {number}" for name, number in found.items())),
            ("PostgreSQL", server),
            ("machine", f"{processors}, load average before the run {machine['load_before']:g}"),
            ("rounds", f"{rounds} per process, about; in turn"),
            ("run", f"{self.began:%Y-%m-%d %H:%M} UTC; {self.command}"),
        ]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": FORMAT,
            "began": self.began.isoformat(timespec="seconds"),
            "command": self.command,
            "machine": self.machine,
            "versions": versions(self.outcome.server),
            "embedded": self.outcome.embedded,
            "sections": [
                {
                    "name": table.section.name,
                    "title": table.section.title,
                    "rounds": table.effort.rounds,
                    "seconds": table.effort.seconds,
                }
                for table in self.tables
            ],
            "rows": [asdict(row) for row in self.rows],
        }
