"""The settings to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from ..errors import LoadTestError
from ..report.numbers import plain

OPTIONS = ("maxsize", "maxwait", "expires", "cleanup")
RANGES = {
    "maxsize": (1, 500),
    "maxwait": (0.001, 3600),
    "expires": (0.1, 86_400),
    "cleanup": (0.1, 86_400),
}
"""As the scenarios take them."""
MOST = 200
"""Points of a grid."""

Settings = Mapping[str, float]
"""One value for each of OPTIONS."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Ascending values for each of OPTIONS."""

    values: Mapping[str, tuple[float, ...]]

    @property
    def swept(self) -> list[str]:
        """The options of which several values are tried."""
        return [option for option in OPTIONS if len(self.values[option]) > 1]

    def points(self) -> list[dict[str, float]]:
        """Every combination; maxsize changes fastest."""
        slowest_first = OPTIONS[::-1]
        return [
            {option: dict(zip(slowest_first, chosen, strict=True))[option] for option in OPTIONS}
            for chosen in product(*(self.values[option] for option in slowest_first))
        ]

    def name(self, settings: Settings) -> str:
        """What is particular about one point, in words."""
        shown = self.swept or ["maxsize"]
        return ", ".join(f"{option} {plain(settings[option])}" for option in shown)


def grid(texts: Mapping[str, str]) -> Grid:
    """From comma separated lists. Raises LoadTestError naming the option."""
    made = Grid({option: _values(option, texts[option]) for option in OPTIONS})
    number = len(made.points())
    if number > MOST:
        raise LoadTestError(f"a grid of {number} points is too large: {MOST} at most")
    return made


def _values(option: str, text: str) -> tuple[float, ...]:
    kind = int if option == "maxsize" else float
    lowest, highest = RANGES[option]
    try:
        values = {kind(part) for part in text.split(",")}
    except ValueError:
        values = set()
    if not values or not all(lowest <= value <= highest for value in values):
        noun = "whole numbers" if kind is int else "seconds"
        raise LoadTestError(
            f"--{option}: {text!r} is not a list of {noun} between {lowest} and {highest}, "
            "like 2,4,8"
        )
    return tuple(sorted(values))
