"""The pool alone."""

from __future__ import annotations

from ...engines import OWN
from .pools import FREE, FREE_ABOUT, PEERS
from .subject import Metric, Section, Subject, Target

BASE = "alone.floor"


def _pair(name: str, *targets: Target) -> Metric:
    return Metric("pair", f"{name}: acquire + release", base=BASE, targets=targets)


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
                _pair(OWN, Target(1.0)),
            ),
            "default options",
            parameters={"pool": OWN},
        ),
        Subject(FREE, "alone", (_pair(FREE),), FREE_ABOUT, parameters={"pool": "free"}),
        *(peer.subject("alone", _pair(peer.name)) for peer in PEERS),
    ),
)
