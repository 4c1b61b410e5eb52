"""An empty pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import count

import gevent

_numbers = count()


@contextmanager
def empty_pool() -> Iterator[str]:
    """A database alias that is new, as the pools of all engines are by alias. At the end the pool
    is closed, where the engine can."""
    from django.db import connections

    alias = f"fresh{next(_numbers)}"
    connections.settings[alias] = deepcopy(connections.settings["default"])
    try:
        yield alias
    finally:
        wrapper = connections[alias]
        pool = getattr(wrapper, "pgpool", None)
        wrapper.close_pool()  # type: ignore[attr-defined]  # stubs lack it
        # Closing goes on in the background: that belongs to this crowd, not to the next.
        while pool is not None and pool.snapshot().size:
            gevent.sleep(0.001)
        del connections[alias], connections.settings[alias]
