"""An elastic PostgreSQL connection pool for Django and gevent.

This module imports nothing of Django: ``django.db`` imported before gevent's monkey patching makes
all greenlets of a process share one connection. Public names are looked up when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .exceptions import PoolClosed, PoolExhausted
    from .pool import Pool, Snapshot
    from .registry import get_pool, stats

__version__ = "1.0.0rc1"

_HOMES = {
    "Pool": ".pool",
    "PoolClosed": ".exceptions",
    "PoolExhausted": ".exceptions",
    "Snapshot": ".pool",
    "get_pool": ".registry",
    "stats": ".registry",
}

__all__ = ["Pool", "PoolClosed", "PoolExhausted", "Snapshot", "get_pool", "stats"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
