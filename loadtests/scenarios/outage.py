"""The server is away for a while."""

from __future__ import annotations

from ..arrivals import Phase
from .parameters import After, Before, Down, Hold, Rate
from .scenario import Common, Fault, Plan, report_page
from .steady import MIX


def outage(
    common: Common,
    rate: Rate = 100.0,
    hold: Hold = 0.02,
    before: Before = 5.0,
    down: Down = 5.0,
    after: After = 10.0,
) -> Plan:
    """The server is stopped and started again under load.

    Only with the embedded server: a server of yours is not stopped.
    """
    scale = common.scale
    phases = (
        Phase("before", before * scale, rate, rate),
        Phase("down", down * scale, rate, rate),
        Phase("back", after * scale, rate, rate),
    )
    faults = (Fault(before * scale, "stop"), Fault((before + down) * scale, "start"))
    return Plan(phases, MIX, {"report": report_page(hold)}, faults, "own")
