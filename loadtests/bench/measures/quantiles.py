"""Quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def p99(numbers: Sequence[float]) -> float:
    """The number that one in a hundred exceeds; the largest of fewer than a hundred."""
    return sorted(numbers)[ceil(len(numbers) * 0.99) - 1]
