"""For as long as you say."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Hold
from .scenario import Common, Plan, report_page
from .steady import MIX

LENGTH = 600.0
"""Seconds, where nothing is said."""
WAVE = 60.0
"""Seconds from one busy time to the next."""


def soak(
    common: Common,
    hours: Annotated[float, typer.Option(min=0, max=1000, help="Hours that it takes.")] = 0.0,
    minutes: Annotated[
        float, typer.Option(min=0, max=60_000, help="Minutes, beside --hours. Neither: 10 minutes.")
    ] = 0.0,
    rate: Annotated[
        float, typer.Option(min=1, max=100_000, help="Requests per second when it is busy.")
    ] = 100.0,
    hold: Hold = 0.05,
) -> Plan:
    """Waves of load for as long as you say.

    Nothing must grow, stick or slow down.
    """
    length = (hours * 3600 + minutes * 60 or LENGTH) * common.scale
    waves = max(1, round(length / WAVE))
    wave = length / waves
    phases = (
        Phase("busy", wave * 0.5, rate, rate),
        Phase("calm", wave * 0.3, rate / 10, rate / 10),
        Phase("empty", wave * 0.2, 0, 0),
    )
    return Plan(phases * waves, MIX, {"report": report_page(hold)})
