"""The same load all the time."""

from __future__ import annotations

from ..arrivals import Phase
from .parameters import Hold, Rate, Seconds
from .scenario import Common, Plan, report_page

MIX = {"read": 4, "write": 2, "report": 4}
"""What visitors of the shop do on an ordinary day."""


def steady(common: Common, rate: Rate = 100.0, hold: Hold = 0.05, seconds: Seconds = 30.0) -> Plan:
    """The same load all the time, after a short warm-up.

    The warm-up is a tenth of it, in which the pool fills.
    """
    length = seconds * common.scale
    phases = (
        Phase("warm-up", length / 10, rate, rate),
        Phase("steady", length * 0.9, rate, rate),
    )
    return Plan(phases, MIX, {"report": report_page(hold)})
