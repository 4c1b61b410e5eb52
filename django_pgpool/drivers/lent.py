"""Connections, lent to one holder after another: what is noted of each, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from .dbapi import InterfaceError

RESET = (
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; DEALLOCATE ALL; "
    "UNLISTEN *; SELECT pg_advisory_unlock_all(); DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES"
)
"""DISCARD ALL in its parts, which other than that itself may share a round trip with what follows.
https://www.postgresql.org/docs/current/sql-discard.html"""

_UNKNOWN = "?"
"""As good as any statement that may leave something: a template string."""

every: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""All connections of this process, by id(), since a class of the site's may compare them in its own
way. Where the driver is green, from the first step of their opening on."""


class Lent:
    """Mixed into the connection class of either driver."""

    left_state = False
    """Whether this holder may have left something in the session."""
    changed = False
    """Whether somebody may have changed a setting on the client's side."""
    restore = RESET
    """The SQL that takes the session back to the state it was configured in."""
    read_timeout: float | None = None
    """Seconds of silence from the server within a statement after which a green wait fails."""
    cancel_timeout: float | None = 1.0
    """Seconds an interrupted statement's cancelling may take; None: it is not cancelled."""
    refused_writing = False
    """The server has called itself read-only; it may have been demoted to a standby."""
    terminated = False
    """An administrator's command has ended the session: pg_terminate_backend() or a shutdown."""
    abandoned = False
    """In a forked child: it is the parent's."""
    lost: Callable[[], None] | None = None
    """To be called when the wait for a statement was interrupted."""
    farewell: int | None = None
    """A second descriptor of the socket, kept of a connection that closes in the midst of a
    statement."""
    lease = 0
    """Counts its holders: a cursor of an earlier one is dead."""

    _named: WeakSet[Any] | None = None
    """Cursors at the server, from the first one on."""

    def note_named(self, cursor: Any) -> None:
        """Of a cursor at the server: WITH HOLD it outlives everything but CLOSE, and its owner may
        close it much later."""
        self.left_state = True
        if self._named is None:
            self._named = WeakSet()
        self._named.add(cursor)

    def close_named_cursors(self) -> None:
        """Those that are still open would send FETCH and CLOSE into the next holder's session.

        Raises Error where one cannot be closed.
        """
        for cursor in list(self._named or ()):
            self._close_named(cursor)
        self._named = None

    def _close_named(self, cursor: Any) -> None:
        cursor.close()


def text_of(query: Any, connection: Any) -> str:
    """A statement as text, in whatever form the driver takes it."""
    if isinstance(query, bytes):
        return str(query, "utf-8", "replace")
    if hasattr(query, "as_string"):
        return str(query.as_string(connection))
    return _UNKNOWN


def given_back() -> InterfaceError:
    """What a cursor raises whose connection somebody else may have by now."""
    return InterfaceError("cursor already closed: its connection was given back to the pool")
