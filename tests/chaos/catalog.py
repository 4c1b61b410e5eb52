"""The scenarios there are."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    function: str
    """``module.function`` in this package."""
    text: str
    seconds: int
    """It is given up after so many, also when it is not --quick."""


CATALOG: dict[str, Entry] = {
    "kills": Entry(
        "deaths.kills", "callers killed and timed out at random, wherever they are", 240
    ),
    "unclosed": Entry("deaths.unclosed", "greenlets that end without giving anything back", 150),
    "terminated": Entry("outages.terminated", "all idle sessions terminated", 120),
    "restart": Entry("outages.restart", "restart -m immediate under 50 busy greenlets", 120),
    "down": Entry("outages.down", "the server is down for a while", 120),
    "hole": Entry("holes.hole", "a network that swallows everything", 240),
    "cancel": Entry("holes.cancel", "kills and time-outs while the network swallows", 180),
    "full": Entry("refusals.full", "max_connections reached (53300)", 90),
    "refused": Entry("refusals.refused", "wrong password, database, host; no TLS", 90),
    "rotated": Entry("refusals.rotated", "password rotated under load, then drain", 90),
    "failover": Entry("failover.failover", "the primary dies, the standby is promoted", 120),
    "demoted": Entry("failover.demoted", "the address leads to a standby for a while (25006)", 90),
    "fork": Entry("processes.fork", "forks under load, parent and child go on", 90),
    "threads": Entry("processes.threads", "50 plain threads over a limit of 10", 120),
    "blocked": Entry("processes.blocked", "the hub is blocked for seconds by CPU work", 240),
    "exit": Entry("shutdown.interpreter_exit", "the interpreter ends, whatever goes on", 120),
    "gunicorn": Entry("shutdown.gunicorn", "gunicorn -k gevent is stopped under load", 120),
}
