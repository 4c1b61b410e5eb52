"""Everybody at once, and nobody before."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Hold
from .scenario import Common, Plan, report_page
from .steady import MIX


def spike(
    common: Common,
    burst: Annotated[
        int, typer.Option(min=1, max=10_000, help="Requests that come at the same moment.")
    ] = 200,
    times: Annotated[int, typer.Option(min=1, max=100, help="How often they come.")] = 3,
    pause: Annotated[
        float,
        typer.Option(
            min=0,
            max=3600,
            help="Seconds between two of them, beside the time the pool takes to become empty.",
        ),
    ] = 3.0,
    hold: Hold = 0.02,
) -> Plan:
    """From nothing to 200 requests at once, on a cold pool.

    Several times; between them the pool becomes empty again.
    """
    length = pause * common.scale + common.pool.cleanup + 1  # cold again at the next one
    phases = (
        Phase("before", 1.0 * common.scale, 0, 0),
        *(Phase(f"spike {number}", length, 0, 0, burst) for number in range(1, times + 1)),
    )
    return Plan(phases, MIX, {"report": report_page(hold)})
