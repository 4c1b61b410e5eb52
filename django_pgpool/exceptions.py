"""What a caller of the pool may have to catch.

Both derive from Django's OperationalError itself: an error of the driver's would be rebuilt by
Django from its arguments and lose type and attributes on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.utils import OperationalError

if TYPE_CHECKING:
    from .pool.stats import Snapshot


class PoolExhausted(OperationalError):
    """No connection became free in time, or too many callers are queued already.

    ``snapshot`` holds the pool's numbers at that moment, ``waited`` the seconds spent queued.
    ``__cause__`` is the driver's error where the last opening failed.
    """

    def __init__(self, message: str, snapshot: Snapshot | None = None, waited: float = 0.0) -> None:
        super().__init__(message)
        self.snapshot = snapshot
        self.waited = waited


class PoolClosed(OperationalError):
    """The pool was closed: it hands out nothing any more."""
