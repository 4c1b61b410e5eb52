"""django_pgpool on connections that do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_pgpool.pool import Pool


class FakeDriver:
    """Every step succeeds at once; the poll that finds dead connections is a call that does
    nothing."""

    def open(self) -> object:
        return object()

    def watch(self, connection: object, lost: Callable[[], None]) -> None:
        pass

    def probe(self, connection: object) -> Callable[[], object]:
        return lambda: False

    def ping(self, connection: object) -> bool:
        return True

    def reset(self, connection: object) -> None:
        return None

    def close(self, connection: object) -> None:
        pass

    def is_transient(self, error: BaseException) -> bool:
        return False

    def is_full(self, error: BaseException) -> bool:
        return False


def full_pool(size: int) -> Pool[Any]:
    """A pool with default settings that has opened all of its ``size`` connections."""
    pool: Pool[Any] = Pool(FakeDriver(), maxsize=size)
    for slot in [pool.acquire() for _ in range(size)]:
        pool.release(slot, slot.lease)
    return pool
