"""The Django site under load: a small shop."""

from __future__ import annotations

ERROR_HEADER = "X-Error"
"""Name of the exception that a visitor met."""
