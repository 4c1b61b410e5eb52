"""What the load tests say when they cannot do what they were asked."""

from __future__ import annotations


class LoadTestError(Exception):
    """Something that the user can put right: one clear line, shown without a traceback."""

    code = 2
    """The exit code."""
    log = ""
    """The end of what somebody wrote who has failed. It is for the terminal only: it is full of
    paths, and reports are made to be passed on."""


class SiteFailed(LoadTestError):
    """The site under load did not start, or one of its workers died."""

    code = 1

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason)
        self.log = log
