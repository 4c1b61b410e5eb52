"""Who holds connections at this moment, as their greenlets and threads show it themselves. Nobody
notes anything for this beforehand."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from django.core.handlers.base import BaseHandler
from django.http import HttpRequest
from greenlet import getcurrent

from ..owners import Hold, holds
from ..pool import Pool
from .charts import seconds as in_words

_FRAMES = 40
"""The innermost."""
UNSEEN = "handed to a request that has not woken up yet, or acquired from the pool itself"
_REQUEST_FRAMES: frozenset[CodeType] = frozenset(
    {BaseHandler.get_response.__code__, BaseHandler._get_response.__code__}  # type: ignore[attr-defined]
)


@dataclass(frozen=True, slots=True)
class Holder:
    seconds: float
    """So long it is held by now."""
    doing: str
    """The request, or what the greenlet or thread was begun with."""
    owner: str
    """The greenlet or thread."""
    stack: str | None
    """Where it is at this moment; None: not asked for, or not to be had."""

    @property
    def held(self) -> str:
        """In words."""
        return in_words(self.seconds)


def holders(pool: Pool[Any], *, stacks: bool) -> list[Holder]:
    """Of each connection in use, the one held longest first."""
    held = pool.held()
    found: list[Holder] = []
    for hold in holds():
        slot = hold.slot
        if hold.pool is pool and slot is not None and held.get(slot, (0, 0.0))[0] == hold.lease:
            found.append(_holder(hold, held.pop(slot)[1], stacks))
    found += [Holder(seconds, UNSEEN, "", None) for _, seconds in held.values()]
    return sorted(found, key=lambda holder: -holder.seconds)


def _holder(hold: Hold, seconds: float, stacks: bool) -> Holder:
    owner: Any = hold.owner()
    if owner is None:
        return Holder(seconds, "unknown", "a greenlet that has ended", None)
    thread = getattr(hold.wrapper(), "_thread_ident", 0)  # under gevent none of these
    frame = _frame(owner, thread)
    return Holder(
        seconds,
        _request(frame) or _begun_with(owner, frame),
        _name(owner, thread),
        _stack(frame) if stacks and frame is not None else None,
    )


def _frame(owner: Any, thread: int) -> FrameType | None:
    """The innermost, of a greenlet that sleeps, or of what runs in this or another thread."""
    if owner is getcurrent():
        return sys._getframe(1)
    sleeping: FrameType | None = owner.gr_frame
    return sleeping or sys._current_frames().get(thread)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _request(frame: FrameType | None) -> str | None:
    """Method and path, without what may be secret in the query."""
    for at in _outwards(frame):
        if at.f_code in _REQUEST_FRAMES:
            request = at.f_locals.get("request")
            if isinstance(request, HttpRequest):
                return f"{request.method} {request.path}"
    return None


def _begun_with(owner: Any, frame: FrameType | None) -> str:
    run: Any = getattr(owner, "_run", None)
    if frame is not None and hasattr(run, "__qualname__"):
        return f"{run.__module__}.{run.__qualname__}"
    outermost = list(_outwards(frame))[-1:]
    return outermost[0].f_code.co_qualname if outermost else "has ended"


def _name(owner: Any, thread: int) -> str:
    for known in threading.enumerate():
        if known.ident == thread:
            return known.name
    return getattr(owner, "name", None) or f"{type(owner).__name__} at {id(owner):#x}"


def _stack(frame: FrameType) -> str:
    """Without the values of any variable; of a request, what is inside of Django's handler."""
    frames = [(at, at.f_lineno) for at in _outwards(frame)]
    for number, (at, _) in enumerate(frames):
        if at.f_code in _REQUEST_FRAMES:
            del frames[number:]
            break
    summary = traceback.StackSummary.extract(iter(frames), limit=_FRAMES)
    summary.reverse()  # the most recent call last, as in every traceback
    return "".join(summary.format()).rstrip()
