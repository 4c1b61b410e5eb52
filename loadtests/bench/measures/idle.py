"""What is done to a pool with many idle slots."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from django_pgpool.pool import Pool

from . import Round
from .fake import full_pool
from .loops import Loop
from .pools import full

OWN = "django_pgpool"


def prepare(counts: list[int]) -> Round:
    """Metrics, by each of ``counts``, the idle slots, microseconds: ``pair N``, an acquire and a
    release; ``pass N``, of the reaper, when nothing is due; ``open N``, one of so many openings."""
    pools = {count: full_pool(count) for count in counts}
    loops = {f"pair {count}": full(OWN, count).pair for count in counts}
    for count, pool in pools.items():
        loops[f"pass {count}"] = Loop("reap()", {"reap": pool._reap_now})
    for loop in loops.values():
        loop.warm_up()

    def measure(seconds: float) -> dict[str, float]:
        share = seconds / (len(loops) + len(pools))
        numbers = {key: loop.microseconds(share) for key, loop in loops.items()}
        for count, pool in pools.items():
            numbers[f"open {count}"] = _opening(pool, count, share)
        return numbers

    return measure


def _opening(pool: Pool[Any], count: int, seconds: float) -> float:
    """Microseconds of one of ``count`` openings, from all for which there is time; ``pool`` is
    as full afterwards as it was before."""
    used, opened = 0.0, 0
    while used < seconds:
        pool.drain()
        began = perf_counter()
        slots = [pool.acquire() for _ in range(count)]
        used += perf_counter() - began
        opened += count
        for slot in slots:
            pool.release(slot, slot.lease)
    return used / opened * 1e6
