"""What has to be done in a forked child and at the end of a process.

Also where uWSGI forks and ends it, which tells Python of neither.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any

_uwsgi: Any = sys.modules.get("uwsgi")
"""The module that uWSGI itself puts there, with its hooks."""


def after_fork_in_child(call: Callable[[], object]) -> None:
    """Have it called in every child that is forked from here on. It may be called twice."""
    os.register_at_fork(after_in_child=call)
    if _uwsgi is None:
        return
    try:
        from uwsgidecorators import postfork  # first of all, as it takes the hook for itself
    except Exception:  # noqa: BLE001  it is not installed, or there is no master process
        _uwsgi.post_fork_hook = _in_turn(getattr(_uwsgi, "post_fork_hook", None), call)
    else:
        postfork(call)


def at_exit(call: Callable[[], object]) -> None:
    """Have it called at the end of this process, before what was to be called so far. It may be
    called twice."""
    atexit.register(call)
    if _uwsgi is not None:
        _uwsgi.atexit = _in_turn(call, getattr(_uwsgi, "atexit", None))


def _in_turn(*calls: Callable[[], object] | None) -> Callable[[], None]:
    def call_all() -> None:
        for call in calls:
            if call is not None:
                call()

    return call_all
