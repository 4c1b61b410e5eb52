"""ORM use outside requests: spawned greenlets, Celery tasks, consumers.

Without this a connection comes back when its greenlet ends. With it, as soon as the work with the
database is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")


def release_connections() -> None:
    """Give the connections of all aliases back, but for those inside ``atomic()``: their block has
    not ended. The next query takes one again."""
    with ExitStack() as stack:  # an error of one does not keep the others
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                stack.callback(connection.close)


@contextmanager
def database_session() -> Iterator[None]:
    """At the end of the block, however it ends, ``release_connections()``."""
    try:
        yield
    finally:
        release_connections()


def database_task(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: at the end of each call, however it ends, ``release_connections()``."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with database_session():
            return function(*args, **kwargs)

    return wrapper
