"""What an operator should look at, by what has happened since somebody looks, most urgent first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..options import PoolOptions
from ..pool import Snapshot
from .charts import seconds
from .holders import Holder
from .sampler import Sample

LONG = 5.0
"""Seconds: a connection that is held for longer is worth a look."""
OFTEN = 0.05
"""Part of the requests."""


def advice(
    options: PoolOptions, samples: Sequence[Sample], now: Snapshot, held: Sequence[Holder]
) -> Iterator[str]:
    """Sentences; none where all is well."""
    first = samples[0].snapshot
    if now.last_error is not None:
        yield (
            "The last attempt to open a connection failed. Look at the server, the network and the "
            f"settings: {now.last_error}"
        )
    refused = now.exhausted + now.rejected - first.exhausted - first.rejected
    if refused:
        yield (
            f"Requests that got PoolExhausted: {refused}. Hold connections for less time (below: "
            "who holds them), or raise maxsize within the server's max_connections."
        )
    acquires, waits = now.acquires - first.acquires, now.waits - first.waits
    seen = [now, *(sample.snapshot for sample in samples)]
    at_limit = any(snapshot.in_use >= snapshot.maxsize for snapshot in seen)
    if at_limit and acquires and waits > OFTEN * acquires:
        waited = now.wait_seconds - first.wait_seconds
        yield (
            f"{waits} of {acquires} requests had to wait, {seconds(waited / waits)} on average, "
            f"with all {now.maxsize} connections busy. More connections help only if the server "
            "has cores to spare."
        )
    long = [holder for holder in held if holder.seconds > LONG]
    if long:
        yield (
            f"{len(long)} of {now.maxsize} connections are held for more than {LONG:g} s. Give "
            "them back before slow work that needs no database: connection.close(), or "
            "django_pgpool.greenlets.database_session."
        )
    if now.reclaimed > first.reclaimed:
        yield (
            "Connections that came back only because their greenlet or thread had ended: "
            f"{now.reclaimed - first.reclaimed}. Use django_pgpool.greenlets.database_task there."
        )
    openings = now.openings - first.openings
    idled = now.evictions.get("idle", 0) - first.evictions.get("idle", 0)
    if options.cleanup and idled > now.maxsize and openings > OFTEN * acquires:
        yield (
            f"{openings} connections were opened for {acquires} requests. A longer cleanup than "
            f"{options.cleanup:g} s would keep them between bursts."
        )
    if now.maxsize != options.maxsize:
        yield (
            f"maxsize was changed from {options.maxsize} to {now.maxsize} in this process. That "
            "ends with it: put it into OPTIONS to keep it."
        )
