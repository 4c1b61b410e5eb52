"""The result as plain data: what the JSON file holds and the tables are made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import django_pgpool

from .judge import Row, Worth
from .policies import SIDES
from .simulate import GRACE
from .traces import Trace

FORMAT = 1
"""Number of the format of the JSON file."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run that has ended."""

    began: datetime
    command: str
    seeds: int
    traces: list[Trace]
    rows: list[Row]
    worth: list[Worth]

    def about(self) -> list[tuple[str, str]]:
        """What the words mean and how it was run."""
        policies = {policy.name: policy.note for side in SIDES.values() for policy in side}
        traces = {
            trace.name: f"{trace.description}; limit {trace.maxsize}, cleanup {trace.cleanup:g} s"
            for trace in self.traces
        }
        return [
            ("run", f"{self.began:%Y-%m-%d} UTC, virtual time; {self.command}"),
            ("version", django_pgpool.__version__),
            ("seeds", f"{self.seeds}; waits are taken together, openings per seed"),
            ("p50, p99, max", "of the wait for a connection"),
            (
                "held / needed",
                "connection-seconds from the first packet of an opening to the closing, up to"
                f" cleanup + {GRACE:g} s after the last request; needed: the requests that are"
                " there at each moment, at most the limit",
            ),
            ("left", f"connections cleanup + {GRACE:g} s after the last request"),
            (
                "held, wait, openings over all traces",
                "geometric means of the ratios to exact LIFO; wait: the mean one. Without the cold"
                " traces, which are over so soon that only cleanup counts",
            ),
            (
                "frontier",
                "no other policy is lower in p99 (over all traces: wait) or held without being"
                " higher in the other",
            ),
            *((f"policy {name!r}", note) for name, note in policies.items()),
            *((f"trace {name!r}", note) for name, note in traces.items()),
        ]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": FORMAT,
            "began": self.began.isoformat(timespec="seconds"),
            "command": self.command,
            "version": django_pgpool.__version__,
            "seeds": self.seeds,
            "rows": [asdict(row) for row in self.rows],
            "worth": [asdict(worth) for worth in self.worth],
        }
