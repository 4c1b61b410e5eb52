"""What to do about a failed opening, where libpq's message leaves that open."""

from __future__ import annotations

_HINTS = {
    "unsupported startup parameter": (
        "PgBouncer refuses it: set what is in OPTIONS['options'] for the role instead, with "
        "ALTER ROLE ... SET ..."
    ),
}


def with_hint(said: str) -> str:
    """The message, with what to do."""
    for phrase, hint in _HINTS.items():
        if phrase in said:
            return f"{said.rstrip()}. {hint}"
    return said
