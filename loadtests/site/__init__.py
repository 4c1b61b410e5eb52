"""The Django site under load: a small shop."""

from __future__ import annotations

ERROR_HEADER = "X-Error"
"""Name of the exception that a visitor met."""
WAIT_HEADER = "X-Wait"
"""Seconds until there was a connection, or an error instead."""
USE_HEADER = "X-Use"
"""Seconds from then until the work was done."""

LOOKS = "LOADTEST_LOOKS"
"""Environment variable: the directory for the workers' own sockets, named by their pids."""
LIMIT = "LOADTEST_LIMIT"
"""Environment variable: how many connections one worker may have."""
