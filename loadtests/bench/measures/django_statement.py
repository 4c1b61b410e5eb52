"""What a request with one statement pays, by whether the statement leaves something behind.

One statement either way, so that both make as many round trips and what differs is the reset.
"""

from __future__ import annotations

from typing import Any

from . import Round
from .django_wrapper import wrapper
from .loops import Loop

STATEMENTS = {"clean": "SELECT 1", "dirty": "SET work_mem = '8MB'"}
"""By metric. Neither slows down the other where it is left in the session."""


def prepare(database: dict[str, Any], end: str, green: bool) -> Round:
    """Metrics: those of STATEMENTS, microseconds. ``end``: the method that gives the connection
    back."""
    connection = wrapper(database, green)
    names = {"connection": connection, "end": getattr(connection, end)}
    loops = {
        key: Loop(
            "connection.ensure_connection()\n"
            "with connection.cursor() as cursor: cursor.execute(statement)\n"
            "end()",
            {**names, "statement": statement},
        )
        for key, statement in STATEMENTS.items()
    }
    for loop in loops.values():
        loop.warm_up()

    def measure(seconds: float) -> dict[str, float]:
        share = seconds / len(loops)
        return {key: loop.microseconds(share) for key, loop in loops.items()}

    return measure
