"""Ctrl-C, and the requests to end from outside, at any moment of a run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _later() -> None:
    """Nothing: what runs now is finished first."""


class Interrupts:
    """The first signal acts, by default as KeyboardInterrupt; later ones never disturb cleaning up.

    ``signum`` is that first signal, None as long as there was none.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._act: Callable[[], None] = _interrupt

    def __enter__(self) -> Self:
        self._former = {signum: signal.signal(signum, self._receive) for signum in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for signum, handler in self._former.items():
            signal.signal(signum, handler)

    @contextmanager
    def calling(self, act: Callable[[], None]) -> Iterator[None]:
        """In this block a signal calls ``act`` instead of raising KeyboardInterrupt."""
        former, self._act = self._act, act
        try:
            yield
        finally:
            self._act = former

    def postpone(self) -> None:
        """From now on a signal is only remembered: what is left to do is short."""
        self._act = _later

    def resume(self) -> None:
        """The end of ``postpone``: a signal raises KeyboardInterrupt again, and at once if one has
        come."""
        self._act = _interrupt
        if self.signum is not None:
            raise KeyboardInterrupt

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is None:
            self.signum = signum
            self._act()
