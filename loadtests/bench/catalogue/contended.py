"""The pool alone, with more greenlets than connections."""

from __future__ import annotations

from ...engines import OWN
from .pools import FREE, FREE_ABOUT, PEERS, TIMED, TIMED_ABOUT
from .subject import Metric, Section, Subject, Target


def _metrics(
    name: str, cpu: tuple[Target, ...] = (), spread: tuple[Target, ...] = ()
) -> tuple[Metric, ...]:
    return (
        Metric("cpu", f"{name}: one operation, sleep included", "us CPU", f"{TIMED}.cpu", cpu),
        Metric("spread", f"{name}: operations per greenlet", "CV", targets=spread),
    )


SECTION = Section(
    "contended",
    "200 greenlets over 20 fake connections, each held for one gevent.sleep(0)",
    "the free pool with timers",
    (
        Subject(
            "contended",
            "contended",
            (
                Metric("floor", "floor: the gevent.sleep(0) alone", "us CPU", f"{TIMED}.cpu"),
                *_metrics(OWN, (Target(5),), (Target(0.02),)),
            ),
            "default options; CPU: process_time; CV: coefficient of variation",
            parameters={"pool": OWN},
        ),
        Subject(FREE, "contended", _metrics(FREE), FREE_ABOUT, parameters={"pool": "free"}),
        Subject(TIMED, "contended", _metrics(TIMED), TIMED_ABOUT, parameters={"pool": "timed"}),
        *(peer.subject("contended", *_metrics(peer.name)) for peer in PEERS),
    ),
)
