"""The pool alone."""

from __future__ import annotations

from ...engines import OWN
from .subject import Metric, Section, Subject, Target

SECTION = Section(
    "alone",
    "pool alone, fake connection, liveness poll excluded",
    "the floor",
    (
        Subject(
            "alone",
            "alone",
            (
                Metric("floor", "floor: two monotonic(), deque pop and append"),
                Metric(
                    "pair",
                    f"{OWN}: acquire + release",
                    base="alone.floor",
                    targets=(Target(1.0),),
                ),
            ),
            "default options",
        ),
    ),
)
