"""More than the connections can do."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Hold
from .scenario import Common, Plan, report_page


def saturation(
    common: Common,
    load: Annotated[
        float, typer.Option(min=1.1, max=10, help="Offered, as a multiple of the capacity.")
    ] = 2.0,
    hold: Hold = 0.1,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Length of each of the three phases.")
    ] = 8.0,
) -> Plan:
    """Offered load above capacity, and the recovery.

    Who fails, how fast, and how soon all is well again? The capacity is maxsize x workers
    connections, each busy for ``hold`` seconds. Half of it is offered before and afterwards.
    """
    capacity, length = common.limit / hold, seconds * common.scale
    phases = (
        Phase("below", length, capacity / 2, capacity / 2),
        Phase("above", length, capacity * load, capacity * load),
        Phase("recovery", length, capacity / 2, capacity / 2),
    )
    return Plan(phases, {"report": 1}, {"report": report_page(hold)})
