"""Many greenlets that read a row through the ORM, again and again, as views do."""

from __future__ import annotations

from time import monotonic, process_time
from typing import Any

import gevent
from gevent.event import Event

from . import Round, Unavailable
from .contended import Operation, variation
from .django_wrapper import wrapper
from .fresh import empty_pool
from .quantiles import p99

GREENLETS = 200
WARM_UP = 0.2
"""Seconds."""
OTHERS = 10
"""Connections to the server that others may have meanwhile."""


def prepare(database: dict[str, Any], end: str, green: bool, connections: int) -> Round:
    """Metrics: those of ``crowd``, with a pool that is new in each round. ``end``: the method that
    gives the connection back; ``connections``: how many there will be."""
    connection = wrapper(database, green)
    _check_room(connection, connections)

    def measure(seconds: float) -> dict[str, float]:
        with empty_pool() as alias:
            return crowd(*_reader(alias, end), seconds)

    measure(WARM_UP)
    return measure


def _check_room(connection: Any, connections: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        (room,) = cursor.fetchone()
    connection.close()
    connection.close_pool()
    if int(room) < connections + OTHERS:
        raise Unavailable(f"max_connections is {room}, not {connections + OTHERS} or more")


def _reader(alias: str, end: str) -> tuple[Operation, Operation]:
    """What each greenlet repeats, and what it does at its end."""
    from django.db import connections

    from .access_method import BTREE, AccessMethod

    rows = AccessMethod.objects.using(alias)

    def read() -> None:
        rows.get(pk=BTREE)
        getattr(connections[alias], end)()

    def leave() -> None:
        connections[alias].close()

    return read, leave


def crowd(
    operation: Operation, leave: Operation, seconds: float, greenlets: int = GREENLETS
) -> dict[str, float]:
    """Let ``greenlets`` repeat ``operation``, each after a first one that does not count, and then
    ``leave``.

    Metrics: ``ops`` per second; ``cpu``, microseconds of this process for each; ``p99``,
    milliseconds, also of operations that began in this time and ended later; ``spread``, variation
    of the operations per greenlet; ``starved``, greenlets that finished none.
    """
    counts = [0] * greenlets
    took: list[float] = []
    ready, start, running = 0, Event(), True

    def work(number: int) -> None:
        nonlocal ready
        operation()
        ready += 1
        start.wait()
        while running:
            began = monotonic()
            operation()
            took.append(monotonic() - began)
            if running:
                counts[number] += 1
        leave()

    workers = [gevent.spawn(work, number) for number in range(greenlets)]
    while ready < greenlets and not any(worker.dead for worker in workers):
        gevent.sleep(0.01)
    began, cpu_began = monotonic(), process_time()
    start.set()
    gevent.sleep(seconds)
    running = False
    elapsed, used = monotonic() - began, process_time() - cpu_began
    gevent.joinall(workers, raise_error=True)
    return {
        "ops": sum(counts) / elapsed,
        "cpu": used / max(sum(counts), 1) * 1e6,
        "p99": p99(took) * 1000,
        "spread": variation(counts),
        "starved": counts.count(0),
    }
