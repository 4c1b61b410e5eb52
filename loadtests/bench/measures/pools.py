"""The pools, each on connections that do nothing, and full: nothing is opened while it is measured.

Peers are set up as their documentation says is best where nothing expires and all is in order. What
they need is imported where it is used: each is measured in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .loops import Loop

SIZE = 20


class Ends(NamedTuple):
    """The two ends of a pool, and both in a loop, without a call more than a caller would make."""

    acquire: Callable[[], Any]
    release: Callable[[Any], object]
    """Takes what ``acquire`` has returned."""
    pair: Loop


def full(pool: str, size: int) -> Ends:
    """``pool``, one of POOLS, with ``size`` connections, all of them idle."""
    ends = POOLS[pool](size)
    for connection in [ends.acquire() for _ in range(size)]:
        ends.release(connection)
    return ends


def _own(size: int) -> Ends:
    from .fake import full_pool

    pool = full_pool(size)
    names = {"acquire": pool.acquire, "release": pool.release}
    pair = Loop("slot = acquire(); release(slot, slot.lease)", names)
    return Ends(pool.acquire, lambda slot: pool.release(slot, slot.lease), pair)


def _free(size: int) -> Ends:
    from ...free_pool.pool import FreePool

    return _free_ends(FreePool(size))


def _timed(size: int) -> Ends:
    from ...free_pool.timed import TimedFreePool

    return _free_ends(TimedFreePool(size))


def _free_ends(pool: Any) -> Ends:
    names = {"acquire": pool.acquire, "release": pool.release, "opens": object}
    pair = Loop("release(acquire(opens))", names)
    return Ends(lambda: pool.acquire(object), pool.release, pair)


def _geventpool(size: int) -> Ends:
    from django_db_geventpool.backends.postgresql_psycopg2.base import PostgresConnectionPool

    class Pool(PostgresConnectionPool):
        def create_connection(self) -> Any:
            return _Connection()

    pool = Pool(MAX_CONNS=size, REUSE_CONNS=size)
    return _ends(pool.get, pool.put)


def _psycopg_pool(size: int) -> Ends:
    from psycopg_pool import ConnectionPool

    pool: Any = ConnectionPool(
        connection_class=_Connection, min_size=size, max_size=size, open=False
    )
    pool.open(wait=True)
    return _ends(pool.getconn, pool.putconn)


def _sqlalchemy(size: int) -> Ends:
    from sqlalchemy.pool import QueuePool

    pool: Any = QueuePool(_Connection, pool_size=size, max_overflow=0, use_lifo=True)
    names = {"acquire": pool.connect}
    return Ends(
        pool.connect, lambda connection: connection.close(), Loop("acquire().close()", names)
    )


def _ends(acquire: Callable[[], Any], release: Callable[[Any], object]) -> Ends:
    pair = Loop("release(acquire())", {"acquire": acquire, "release": release})
    return Ends(acquire, release, pair)


class _Connection:
    """What the peers ask of a connection; every step succeeds at once."""

    closed = False
    transaction_status = 0
    """None is open: it stands for psycopg's ``pgconn``, too."""

    @classmethod
    def connect(cls, conninfo: str, **kwargs: Any) -> _Connection:
        return cls()

    @property
    def pgconn(self) -> _Connection:
        return self

    def cursor(self) -> _Connection:
        return self

    def execute(self, statement: str) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


POOLS: dict[str, Callable[[int], Ends]] = {
    "django_pgpool": _own,
    "free": _free,
    "timed": _timed,
    "django-db-geventpool": _geventpool,
    "psycopg_pool": _psycopg_pool,
    "SQLAlchemy": _sqlalchemy,
}
