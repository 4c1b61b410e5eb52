"""An uncontended acquire and release, beside the least that any pool has to do."""

from __future__ import annotations

from collections import deque
from time import monotonic

from . import Round
from .loops import Loop
from .pools import SIZE, full


def prepare(pool: str) -> Round:
    """Metrics: ``floor`` and ``pair``, microseconds."""
    free = deque([object()])
    floor = Loop(
        "monotonic(); connection = pop(); monotonic(); append(connection)",
        {"monotonic": monotonic, "pop": free.pop, "append": free.append},
    )
    loops = {"floor": floor, "pair": full(pool, SIZE).pair}
    for loop in loops.values():
        loop.warm_up()

    def measure(seconds: float) -> dict[str, float]:
        return {name: loop.microseconds(seconds / 2) for name, loop in loops.items()}

    return measure
