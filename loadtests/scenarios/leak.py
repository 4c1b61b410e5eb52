"""Greenlets that do not give back what they took."""

from __future__ import annotations

from typing import Annotated

import typer

from ..arrivals import Phase
from .parameters import Rate, Seconds
from .scenario import Common, Plan


def leak(
    common: Common,
    rate: Rate = 100.0,
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="How many of the requests leak.")
    ] = 0.3,
    seconds: Seconds = 20.0,
) -> Plan:
    """Greenlets that never close their connection.

    They use the ORM and end without giving it back. The pool takes it back when the greenlet is
    gone.
    """
    phases = (
        Phase("leaking", seconds * common.scale, rate, rate),
        # In the end the pool is empty: all have come back.
        Phase("night", common.pool.cleanup + 2, 0, 0),
    )
    return Plan(phases, {"read": 1 - share, "leak": share})
