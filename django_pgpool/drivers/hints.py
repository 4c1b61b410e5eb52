"""What to do about a failed opening, where libpq's message leaves that open."""

from __future__ import annotations

from socket import AF_UNIX

from .failures import NO_DESCRIPTOR
from .sockets import UnpatchedSocket

_HINTS = {
    "unsupported startup parameter": (
        "PgBouncer refuses it: set what is in OPTIONS['options'] for the role instead, with "
        "ALTER ROLE ... SET ..."
    ),
}
_NO_DESCRIPTOR_HERE = (
    "This process has no file descriptor left: let it have more (ulimit -n, LimitNOFILE of "
    "systemd), or have fewer clients in each process"
)
_NOTHING = ("", "no error details available")  # as psycopg says it


def said_by(error: Exception) -> str:
    """The message of a failed opening. libpq has none where it gets no file descriptor."""
    said = str(error)
    if said.strip() in _NOTHING:
        try:
            UnpatchedSocket(AF_UNIX).close()
        except OSError as reason:
            return str(reason.strerror)
    return said


def with_hint(said: str) -> str:
    """The message, with what to do."""
    for phrase, hint in _HINTS.items():
        if phrase in said:
            return f"{said.rstrip()}. {hint}"
    if said.rstrip().endswith(NO_DESCRIPTOR) and "FATAL:" not in said:  # which is the server's
        return f"{said.rstrip()}. {_NO_DESCRIPTOR_HERE}"
    return said
