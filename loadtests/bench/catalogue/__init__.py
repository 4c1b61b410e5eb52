"""What is measured, and what is compared with what: a module per section."""

from __future__ import annotations

from . import alone, contended, pairs, resets

SECTIONS = (alone.SECTION, contended.SECTION, pairs.SECTION, resets.SECTION)
"""In the order of the result."""
