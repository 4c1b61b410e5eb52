"""Whether an operation costs the same however many callers wait, and however large the pool is."""

from __future__ import annotations

import gevent

from . import Round
from .contended import crowd, turn


def prepare(pool: str | None, crowds: dict[str, tuple[int, int]]) -> Round:
    """Metrics: the keys of ``crowds``, microseconds of CPU of one operation, the connection held
    for one turn of the event loop. Values of ``crowds``: connections, and greenlets. ``pool``: one
    of POOLS; None: only the switches that this takes."""
    ready = {
        key: (turn(pool, size) if pool else _switches, greenlets)
        for key, (size, greenlets) in crowds.items()
    }
    for operation, greenlets in ready.values():
        crowd(operation, 0.05, greenlets)

    def measure(seconds: float) -> dict[str, float]:
        share = seconds / len(ready)
        return {
            key: crowd(operation, share, greenlets)[0]
            for key, (operation, greenlets) in ready.items()
        }

    return measure


def _switches() -> None:
    """As often as who has to wait, and then holds a connection for a turn of the loop."""
    gevent.sleep(0)
    gevent.sleep(0)
