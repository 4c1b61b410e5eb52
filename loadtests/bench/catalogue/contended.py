"""The pool alone, with more greenlets than connections."""

from __future__ import annotations

from ...engines import OWN
from .subject import Metric, Section, Subject, Target

SECTION = Section(
    "contended",
    "200 greenlets over 20 fake connections, each held for one gevent.sleep(0)",
    "the floor",
    (
        Subject(
            "contended",
            "contended",
            (
                Metric("floor", "floor: the gevent.sleep(0) alone", "us CPU"),
                Metric(
                    "cpu",
                    f"{OWN}: one operation, sleep included",
                    "us CPU",
                    "contended.floor",
                    (Target(5),),
                ),
                Metric("spread", f"{OWN}: operations per greenlet", "CV", targets=(Target(0.02),)),
            ),
            "default options; CPU: process_time; CV: coefficient of variation",
        ),
    ),
)
