"""What is measured, and what is compared with what: a module per section."""

from __future__ import annotations

from . import alone, cold, contended, day, memory, orm, pairs, resets, scale, web

SECTIONS = (
    alone.SECTION,
    contended.SECTION,
    scale.WAITERS_SECTION,
    scale.SIZES_SECTION,
    scale.IDLE_SECTION,
    memory.SECTION,
    pairs.SECTION,
    resets.SECTION,
    orm.SECTION,
    cold.SPIKE,
    cold.GROWTH,
    day.SECTION,
    web.SECTION,
)
"""In the order of the result."""
