"""What has to be done in a forked child and at the end of a process.

Also where uWSGI forks and ends it, which tells Python of neither.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

Call = Callable[[], object]

_uwsgi: Any = sys.modules.get("uwsgi")
"""The module that uWSGI itself puts there, with its hooks."""
_in_child: list[Call] = []


def after_fork_in_child(call: Call) -> None:
    """Have it called in every child that is forked from here on. It may be called twice."""
    os.register_at_fork(after_in_child=call)
    if _uwsgi is not None:
        if not _in_child:
            _hook_into_fork()
        _in_child.append(call)


def at_exit(call: Call) -> None:
    """Have it called at the end of this process, before what was to be called so far. It may be
    called twice."""
    atexit.register(call)
    if _uwsgi is not None:
        _uwsgi.atexit = _in_turn([call, getattr(_uwsgi, "atexit", None)])


def _hook_into_fork() -> None:
    """Before the site's own hooks, which may be about to use a connection."""
    sites, spooler = (getattr(_uwsgi, name, None) for name in ("post_fork_hook", "spooler"))
    with suppress(Exception):  # it is not installed, or there is no master process
        import uwsgidecorators  # noqa: F401  it takes both for itself: now, and not later
    if spooler is not None:
        _uwsgi.spooler = spooler
    decorators = getattr(_uwsgi, "post_fork_hook", None)
    later = [sites] if decorators is sites else [sites, decorators]
    _uwsgi.post_fork_hook = _in_turn([_in_turn(_in_child), *later])


def _in_turn(calls: Sequence[Call | None]) -> Call:
    def call_all() -> None:
        for call in calls:
            if call is not None:
                call()

    return call_all
