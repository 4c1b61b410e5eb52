"""What the pool asks of a database driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from .events import Reason

C = TypeVar("C")


class Driver(Protocol[C]):
    """All may switch greenlets, but for ``probe``, what that returns, and the last two."""

    def open(self) -> C:
        """Open and configure a connection, bounded in time. Raises the driver's error."""

    def probe(self, connection: C) -> Callable[[], object]:
        """A call, without a switch or a round trip, that is true where the idle connection's
        socket has something to read: no answer is due, so the session is over."""

    def watch(self, connection: C, lost: Callable[[], None]) -> None:
        """Call ``lost``, which never switches, when the connection is being closed because a wait
        for the server was interrupted: whoever holds it may live on and never give it back."""

    def ping(self, connection: C) -> bool:
        """Ask the server, bounded in time, whether the connection still works."""

    def reset(self, connection: C) -> Reason | None:
        """Make a released connection fit for the next holder: no transaction, nothing left of the
        last holder's session. Returns the reason to evict it where that failed, else None. No
        round trip where nothing is to be done.
        """

    def close(self, connection: C) -> Callable[[], object] | None:
        """End the session, without waiting for the server. Returns what waits, bounded in time,
        until the server has ended it, too; None where there is nothing to wait for."""

    def is_transient(self, error: BaseException) -> bool:
        """Whether a failed opening is likely to succeed soon: server full, starting, restarting."""

    def is_full(self, error: BaseException) -> bool:
        """Whether it failed because the server takes no more connections."""
