"""A few slow queries among many fast ones."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Rate, Seconds
from .scenario import Common, Plan, report_page


def slow(
    common: Common,
    rate: Rate = 100.0,
    share: Annotated[
        float, typer.Option(min=0.001, max=1, help="How many of the requests are slow.")
    ] = 0.05,
    hold: Annotated[
        float, typer.Option(min=0.001, max=60, help="Seconds that a slow query takes.")
    ] = 1.0,
    seconds: Seconds = 20.0,
) -> Plan:
    """Slow queries mixed with fast ones.

    What do the fast ones have to wait? The report shows both kinds apart: ``report`` is the
    slow one.
    """
    mix = {"read": 1 - share, "report": share}
    length = seconds * common.scale
    phases = (Phase("mixed", length, rate, rate), Phase("end", 1.0 * common.scale, 0, 0))
    return Plan(phases, mix, {"report": report_page(hold)})
