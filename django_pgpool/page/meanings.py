"""The settings of a pool in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from ..options import PoolOptions
from ..pool import Pool

MEANINGS = {
    "maxsize": "The most connections this process ever has to this database.",
    "maxwait": "How long a request waits for a connection; then it gets PoolExhausted.",
    "expires": "A connection is closed at this age, when it is not in use.",
    "cleanup": "A connection that was idle for so long is closed; a surplus after an eighth of it.",
    "minsize": "As many connections are kept once the pool has been used.",
    "maxwaiting": "More requests than this do not queue, they get PoolExhausted at once.",
    "connect_timeout": "Opening a connection fails after so long.",
    "reset": "When the session is cleaned before the next holder gets it.",
    "read_timeout": "A statement fails when the server has sent nothing for so long.",
    "cancel_timeout": "So long the server is asked to end a statement that nobody waits for.",
    "held_warning": "A connection held for longer is reported in the log.",
    "stats_interval": "So often a line pool_stats is logged.",
    "workers": "How many processes use these settings; the checks need it.",
}
"""By option; held together with the options by a test."""
NOT_SECONDS = ("maxsize", "minsize", "maxwaiting", "reset", "workers")


class Setting(NamedTuple):
    name: str
    value: str
    origin: str
    meaning: str


def settings(options: PoolOptions, given: Collection[str], pool: Pool[Any]) -> Iterator[Setting]:
    """As they are now, in the order of the README. ``given``: the keys of OPTIONS."""
    for field in fields(PoolOptions):
        value = getattr(options, field.name)
        origin = "OPTIONS" if field.name in given else "default"
        if field.name == "maxsize" and pool.maxsize != value:
            value, origin = pool.maxsize, f"resized; {origin}: {value}"
        yield Setting(field.name, _text(field.name, value), origin, MEANINGS[field.name])


def _text(name: str, value: Any) -> str:
    if value is None:
        return "none"
    return str(value) if name in NOT_SECONDS else f"{value:g} s"
