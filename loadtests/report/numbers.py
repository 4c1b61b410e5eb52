"""Numbers as people read them; a dash where there is none."""

from __future__ import annotations

from collections.abc import Mapping

NONE = "-"


def milliseconds(seconds: float | None) -> str:
    """A duration with its unit."""
    if seconds is None:
        return NONE
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def short(seconds: float | None) -> str:
    """Milliseconds without their unit, to as many digits as anybody reads."""
    if seconds is None:
        return NONE
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def number(count: float | None) -> str:
    """A count with its thousands apart."""
    return NONE if count is None else f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counts(numbers: Mapping[str, int]) -> str:
    """Counts by name, the largest first."""
    most = sorted(numbers.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {number(count)}" for name, count in most if count) or "none"


def share(part: float | None, whole: float | None) -> str:
    """A part in per cent of the whole."""
    return f"{part / whole:.0%}" if part is not None and whole else NONE


def plain(value: object) -> str:
    """A setting: durations without superfluous digits."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
