"""The primary dies, and its standby takes over."""

from __future__ import annotations

from ..arrivals import Phase
from .parameters import After, Before, Down, Hold, Rate
from .scenario import Common, Fault, Plan, report_page
from .steady import MIX


def failover(
    common: Common,
    rate: Rate = 100.0,
    hold: Hold = 0.02,
    before: Before = 5.0,
    down: Down = 2.0,
    after: After = 10.0,
) -> Plan:
    """The primary is killed and its standby promoted.

    The standby follows by streaming replication. The site is configured with both hosts and
    target_session_attrs=read-write. Only with embedded servers.
    """
    scale = common.scale
    phases = (
        Phase("before", before * scale, rate, rate),
        Phase("down", down * scale, rate, rate),
        Phase("after", after * scale, rate, rate),
    )
    faults = (Fault(before * scale, "kill"), Fault((before + down) * scale, "promote"))
    return Plan(phases, MIX, {"report": report_page(hold)}, faults, "standby")
