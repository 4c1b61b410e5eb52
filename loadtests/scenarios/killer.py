"""Requests that are cut short."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Hold, Rate, Seconds
from .scenario import Common, Plan, report_page

MOMENTS = 50
"""As many different ones at which requests are cut short."""


def killer(
    common: Common,
    rate: Rate = 100.0,
    hold: Hold = 0.05,
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="How many of the requests are cut short.")
    ] = 0.3,
    seconds: Seconds = 20.0,
) -> Plan:
    """Requests time out and are killed at random moments.

    Half of those that are cut short meet a gevent.Timeout inside the site, the others are killed,
    up to 1.5 times ``hold`` after they began: while they wait, at work, or just too late.
    """
    length = seconds * common.scale
    moments = [round(1500 * hold * number / MOMENTS, 3) for number in range(1, MOMENTS + 1)]
    milliseconds = round(hold * 1000)
    pages = {
        "report": report_page(hold),
        "timeout": [f"/timeout/{moment}/{milliseconds}" for moment in moments],
        "kill": [f"/kill/{moment}/{milliseconds}" for moment in moments],
    }
    rest = 1 - share
    mix = {"read": rest / 2, "report": rest / 2, "timeout": share / 2, "kill": share / 2}
    phases = (
        Phase("killing", length, rate, rate),
        # In the end the pool is empty: no connection has been lost.
        Phase("night", common.pool.cleanup + 2, 0, 0),
    )
    return Plan(phases, mix, pages)
