"""An uncontended acquire and release, beside the least that any pool has to do."""

from __future__ import annotations

from collections import deque
from time import monotonic

from . import Round
from .fake import full_pool
from .loops import Loop


def prepare() -> Round:
    """Metrics: ``floor`` and ``pair``, microseconds."""
    pool = full_pool()
    free = deque([object()])
    floor = Loop(
        "monotonic(); connection = pop(); monotonic(); append(connection)",
        {"monotonic": monotonic, "pop": free.pop, "append": free.append},
    )
    pair = Loop(
        "slot = acquire(); release(slot, slot.lease)",
        {"acquire": pool.acquire, "release": pool.release},
    )
    loops = {"floor": floor, "pair": pair}
    for loop in loops.values():
        loop.warm_up()

    def measure(seconds: float) -> dict[str, float]:
        return {name: loop.microseconds(seconds / 2) for name, loop in loops.items()}

    return measure
