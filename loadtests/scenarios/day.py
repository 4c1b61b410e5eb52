"""A day of a site in a minute."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Hold
from .scenario import Common, Plan, report_page
from .steady import MIX


def day(
    common: Common,
    rate: Annotated[
        float, typer.Option(min=1, max=100_000, help="Requests per second at the peak.")
    ] = 200.0,
    hold: Hold = 0.075,
) -> Plan:
    """Quiet, morning, peak, evening, night: a day in a minute."""
    scale, quiet = common.scale, rate / 20
    phases = (
        Phase("quiet", 8 * scale, quiet, quiet),
        Phase("morning", 14 * scale, quiet, rate),
        Phase("peak", 14 * scale, rate, rate),
        Phase("evening", 12 * scale, rate, quiet),
        # Long enough to see the pool reach zero, however short the day.
        Phase("night", max(10 * scale, common.pool.cleanup + 2), 0, 0),
    )
    return Plan(phases, MIX, {"report": report_page(hold)})
