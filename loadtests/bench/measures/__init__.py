"""The measures. Each module has ``prepare``, which returns the function that measures one round.

They run in worker processes, also in the environments of the peers: nothing is imported here
but the standard library, gevent, and what is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Round = Callable[[float], dict[str, float]]
"""Takes the seconds to spend, about; returns a number per metric."""

NAMES = (
    "alone",
    "cold",
    "contended",
    "crowds",
    "day",
    "django_pair",
    "django_statement",
    "idle",
    "memory",
    "orm_read",
    "web",
)


class Unavailable(Exception):
    """What the measure needs is not on this machine; the message says what, and how to get it. It
    is printed in place of the numbers."""


def prepare(name: str, **arguments: Any) -> Round:
    """Set up the measure ``name``; it is warm when this returns."""
    if name not in NAMES:
        raise ValueError(f"there is no measure {name!r}")
    function: Callable[..., Round] = import_module(f"{__name__}.{name}").prepare
    return function(**arguments)
