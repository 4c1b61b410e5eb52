"""What the load tests say when they cannot do what they were asked."""

from __future__ import annotations


class LoadTestError(Exception):
    """Something that the user can put right: one clear line, shown without a traceback."""


class SiteFailed(LoadTestError):
    """The site under load did not start, or one of its workers died."""
