"""Timing of a statement that is run over and over."""

from __future__ import annotations

from timeit import Timer
from typing import Any

ENOUGH = 0.05
"""Seconds after which an estimate is good enough."""


class Loop:
    """``statement`` with ``names``, ready to be timed. The garbage collector stays on, as it is
    in a site."""

    def __init__(self, statement: str, names: dict[str, Any]) -> None:
        self._timer = Timer(statement, "import gc; gc.enable()", globals=names)
        self._estimate = 0.0

    def warm_up(self) -> None:
        """Run it until it is known how long it takes."""
        number = 1
        while (seconds := self._timer.timeit(number)) < ENOUGH:
            number *= 2
        self._estimate = seconds / number

    def microseconds(self, seconds: float) -> float:
        """The mean time of one pass, from as many as take ``seconds``, about."""
        number = max(round(seconds / self._estimate), 1)
        return self._timer.timeit(number) / number * 1e6
