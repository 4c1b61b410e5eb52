"""May the server of DATABASE_URL be used?"""

from __future__ import annotations

import os
import sys

import typer

from .connecting import describe
from .errors import LoadTestError


def permitted_url(*, yes: bool) -> str | None:
    """DATABASE_URL, once the user has agreed or with ``yes``; None where it is not set.

    Raises LoadTestError where nobody agrees.
    """
    url = os.environ.get("DATABASE_URL")
    if not url:
        return None
    print(f"DATABASE_URL: {describe(url)}. A schema is created there, and removed at the end.")
    if not yes:
        if not sys.stdin.isatty():
            raise LoadTestError("nobody to ask whether DATABASE_URL may be used: pass --yes")
        if not typer.confirm("Run the load test on this server?"):
            raise LoadTestError("not run; unset DATABASE_URL to use an embedded server")
    return url
