"""Interruptions wherever a greenlet can be interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from types import NoneType
from typing import Any

import gevent
from greenlet import settrace


def interrupted_at_each_switch(
    function: Callable[[], Any], reason: BaseException | type[BaseException]
) -> Iterator[BaseException | None]:
    """``function`` in greenlets, one after the other: the first is interrupted where it switches to
    the hub for the first time, the next where it does so for the second time, and so on, until one
    gets through. Yields what each has ended with."""
    hub = gevent.get_hub()
    for switches in count():
        ended: list[BaseException | None] = []
        left = switches

        def work(ended: list[BaseException | None] = ended) -> None:
            try:
                function()
            except BaseException as error:
                ended.append(error)
            else:
                ended.append(None)

        victim = gevent.Greenlet(work)

        def trace(event: str, args: tuple[Any, Any], victim: gevent.Greenlet = victim) -> None:
            nonlocal left
            if args == (victim, hub) and not victim.dead:
                if left == 0:  # callbacks run before the hub looks at what has come
                    hub.loop.run_callback(victim.throw, reason)
                left -= 1

        before = settrace(trace)
        try:
            victim.start()
            victim.join()
        finally:
            settrace(before)
        yield ended[0]
        if left >= 0:
            assert switches, "nothing was interrupted"
            return


def most_cancels_of_a_kill(
    function: Callable[[], Any],
    cancels: list[Any],
    *,
    kills: int | None = None,
    errors: tuple[type[BaseException], ...] = (),
) -> int:
    """``function`` is killed at each switch, or at the first so many. Nothing else is raised but
    its own ``errors``, and the server answers each kill. ``cancels``: the fixture."""
    most = 0
    for error in islice(interrupted_at_each_switch(function, gevent.GreenletExit), kills):
        assert type(error) in (NoneType, gevent.GreenletExit, *errors)
        assert len(cancels) < 50, "ten a second until there is an answer"
        most = max(most, len(cancels))
        cancels.clear()
    return most
