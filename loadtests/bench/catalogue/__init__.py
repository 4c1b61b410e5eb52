"""What is measured, and what is compared with what: a module per section."""

from __future__ import annotations

from . import alone, contended, memory, pairs, resets, scale

SECTIONS = (
    alone.SECTION,
    contended.SECTION,
    scale.WAITERS_SECTION,
    scale.SIZES_SECTION,
    scale.IDLE_SECTION,
    memory.SECTION,
    pairs.SECTION,
    resets.SECTION,
)
"""In the order of the result."""
