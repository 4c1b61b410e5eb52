"""What the load tests say when they cannot do what they were asked."""

from __future__ import annotations


class LoadTestError(Exception):
    """Something that the user can put right: one clear line, shown without a traceback."""

    code = 2
    """The exit code."""


class SiteFailed(LoadTestError):
    """The site under load did not start, or one of its workers died.

    ``log`` is the end of what it wrote. It is for the terminal only: it is full of paths, and
    reports are made to be passed on.
    """

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason)
        self.log = log
