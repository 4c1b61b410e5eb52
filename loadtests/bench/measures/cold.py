"""How long it takes until all of a crowd that arrives at an empty pool have been served."""

from __future__ import annotations

from time import monotonic
from typing import Any

import gevent

from . import Round
from .django_wrapper import wrapper
from .fresh import empty_pool

STATEMENT = "SELECT pg_sleep(0.02)"


def prepare(database: dict[str, Any], end: str, green: bool, greenlets: int) -> Round:
    """Metric ``wall``, milliseconds. ``end``: the method that gives the connection back;
    ``greenlets``: how many come at once, for a statement of 20 ms each."""
    wrapper(database, green)
    _crowd(end, 2)

    def measure(seconds: float) -> dict[str, float]:
        return {"wall": _crowd(end, greenlets) * 1000}

    return measure


def _crowd(end: str, greenlets: int) -> float:
    from django.db import connections

    def hold() -> None:
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(STATEMENT)
        getattr(connection, end)()

    with empty_pool() as alias:
        began = monotonic()
        gevent.joinall([gevent.spawn(hold) for _ in range(greenlets)], raise_error=True)
        return monotonic() - began
