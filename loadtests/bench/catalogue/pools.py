"""Pools without Django, all on connections that do nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ...engines import GEVENTPOOL2, MAXSIZE, NATIVE, SQLALCHEMY
from .subject import Metric, Subject

FREE = "free pool"
FREE_ABOUT = "a list, a queue of greenlets, fair hand-over by gevent's hub: not for use"
TIMED = "free pool with timers"
TIMED_ABOUT = "and a timer for each who waits, as a limit to the waiting takes"


@dataclass(frozen=True, slots=True)
class Peer:
    """A pool we compare with, in an environment of its own."""

    name: str
    """Also that of the pool in the measures."""
    about: str
    requirements: tuple[str, ...]

    def subject(self, measure: str, *metrics: Metric) -> Subject:
        return Subject(
            self.name,
            measure,
            metrics,
            self.about,
            requirements=self.requirements,
            parameters={"pool": self.name},
        )


PEERS = (
    Peer(
        "django-db-geventpool",
        f"get() and put() of its pool for psycopg2, MAX_CONNS={MAXSIZE}, REUSE_CONNS={MAXSIZE}",
        GEVENTPOOL2.requirements,
    ),
    Peer(
        "psycopg_pool",
        f"getconn() and putconn(), min_size={MAXSIZE}, max_size={MAXSIZE}, no check, no reset",
        NATIVE.requirements,
    ),
    Peer(
        "SQLAlchemy",
        f"QueuePool, connect() and close(), pool_size={MAXSIZE}, max_overflow=0, use_lifo=True, no"
        " pre-ping",
        SQLALCHEMY.requirements,
    ),
)
