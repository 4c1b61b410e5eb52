"""Where the holder of a connection comes from, for the event that tells of one held too long."""

from __future__ import annotations

import sys
import traceback
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any, NamedTuple
from weakref import ref

import django.db
import django.utils.asyncio
from greenlet import getcurrent

_FRAMES = 16
"""How much is remembered."""
_NOT_TOLD = (
    str(Path(__file__).parents[1]),
    str(Path(django.db.__file__).parent),
    django.utils.asyncio.__file__,
)
"""Files of this package, of Django's database layer and of its decorator ``async_unsafe``: every
holder comes through them."""


class Note(NamedTuple):
    """Where the holder of a lease comes from, and when to tell that he has held it too long."""

    lease: int
    owner: ref[Any]
    """The greenlet that holds it (of a plain thread: its main greenlet)."""
    warn_at: float
    stack: traceback.StackSummary
    context: Context
    """That of the holder at the acquire."""


def note_of_caller(lease: int, warn_at: float) -> Note:
    """Of the code outside of this package and of Django's that is being executed."""
    frames = (
        (frame, line)
        for frame, line in traceback.walk_stack(sys._getframe(1))
        if not frame.f_code.co_filename.startswith(_NOT_TOLD)
    )
    stack = traceback.StackSummary.extract(frames, limit=_FRAMES, lookup_lines=False)
    stack.reverse()  # the most recent call last, as in every traceback
    return Note(lease, ref(getcurrent()), warn_at, stack, copy_context())
