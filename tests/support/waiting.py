"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.monkey import get_original


def eventually(
    condition: Callable[[], Any], message: str | Callable[[], str] = "", seconds: float = 15.0
) -> Any:
    """Wait until ``condition()`` is true and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            said = message() if callable(message) else message
            raise AssertionError(f"not within {seconds:g} s: {said or condition}")
        time.sleep(0.005)
    return value


@contextmanager
def running(*functions: Callable[[], Any]) -> Any:
    """Greenlets of these functions; those that still run at the end of the block are killed."""
    greenlets = [gevent.spawn(function) for function in functions]
    try:
        yield greenlets
    finally:
        gevent.killall(greenlets)


@contextmanager
def hub_watched() -> Iterator[list[float]]:
    """One number, at the end: the longest time, in seconds, for which no other greenlet ran, less
    that for which a thread did not run either: it was the machine then that stood still."""
    longest, others = [0.0], [0.0]
    watching = True

    def tick(longest: list[float], pause: Callable[[float], None]) -> None:
        before = time.monotonic()
        while watching:
            pause(0.01)
            now = time.monotonic()
            longest[0], before = max(longest[0], now - before), now

    thread = gevent.get_hub().threadpool.spawn(tick, others, get_original("time", "sleep"))
    try:
        with running(lambda: tick(longest, gevent.sleep)):
            yield longest
            gevent.sleep(0.02)
    finally:
        watching = False
        thread.get()
    longest[0] -= others[0]


def join(greenlets: list[gevent.Greenlet], seconds: float = 30.0) -> list[Any]:
    """Wait for all of them and return their values. An exception in one is raised here."""
    done = gevent.joinall(greenlets, timeout=seconds, raise_error=True)
    late = len(greenlets) - len(done)
    assert not late, f"{late} of {len(greenlets)} greenlets have not ended within {seconds:g} s"
    return [greenlet.value for greenlet in greenlets]


class Elapsed:
    """``with Elapsed() as elapsed: ...`` and then ``elapsed.seconds``."""

    seconds = 0.0

    def __enter__(self) -> Elapsed:
        self._started = time.monotonic()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds = time.monotonic() - self._started
