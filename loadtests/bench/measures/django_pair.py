"""What a request pays: Django's ensure_connection(), and giving the connection back."""

from __future__ import annotations

from typing import Any

from . import Round
from .django_wrapper import wrapper
from .loops import Loop


def prepare(database: dict[str, Any], end: str, green: bool) -> Round:
    """Metric ``pair``, microseconds. ``end``: the method that gives the connection back."""
    connection = wrapper(database, green)
    pair = Loop(
        "begin(); end()", {"begin": connection.ensure_connection, "end": getattr(connection, end)}
    )
    pair.warm_up()

    def measure(seconds: float) -> dict[str, float]:
        return {"pair": pair.microseconds(seconds)}

    return measure
