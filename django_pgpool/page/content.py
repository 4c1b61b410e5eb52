"""What the page tells of each pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import registry
from ..pool import Pool, Snapshot
from ..redaction import redacted
from . import advice, charts, sampler
from .holders import Holder, holders
from .meanings import Setting, settings

REASONS = {
    "expired": "older than expires",
    "idle": "idle for longer than cleanup",
    "broken": "the server or the network has ended it",
    "dirty": "came back in a state that could not be cleaned",
    "demoted": "its server has become a standby",
    "terminated": "an administrator's command ended it",
    "drained": "replaced by drain()",
    "surplus": "above the limit after a resize, or not needed by the load",
    "closed": "the pool was closed",
}
SHOWN = 50
"""Holders."""


@dataclass(frozen=True, slots=True)
class Panel:
    alias: str
    number: int
    """Tells the panels of one page apart."""
    database: str
    snapshot: Snapshot
    state: str
    """In a few words that seldom change: they are spoken."""
    waiting: str
    charts: list[charts.Chart]
    advice: list[str]
    holders: list[Holder]
    more: int
    """Holders that are not shown."""
    evictions: list[tuple[str, int, str]]
    settings: list[Setting]
    least: int
    """To which it can be resized."""


def panels(*, stacks: bool) -> list[Panel]:
    """Of every pool that leads somewhere, by alias. Opens no connection."""
    seen = sampler.look()
    entries = [entry for entry in registry.entries() if entry.pool in seen]
    entries.sort(key=lambda entry: entry.pool.name)
    return [_panel(number, entry, seen[entry.pool], stacks) for number, entry in enumerate(entries)]


def _panel(
    number: int, entry: registry.Entry, samples: Sequence[sampler.Sample], stacks: bool
) -> Panel:
    pool = entry.pool
    held = holders(pool, stacks=stacks)
    snapshot = pool.snapshot()
    return Panel(
        alias=pool.name,
        number=number,
        database=_database(entry),
        snapshot=snapshot,
        state=_state(snapshot, samples),
        waiting=_waiting(pool, snapshot),
        charts=[
            charts.states(samples),
            charts.waiting(samples),
            charts.durations("Wait for a connection", samples, "wait"),
            charts.durations("Time in use", samples, "use"),
        ],
        advice=list(advice.advice(entry.options, samples, snapshot, held)),
        holders=held[:SHOWN],
        more=max(len(held) - SHOWN, 0),
        evictions=[
            (reason, count, REASONS.get(reason, ""))
            for reason, count in sorted(snapshot.evictions.items(), key=lambda pair: -pair[1])
        ],
        settings=list(settings(entry.options, entry.settings["OPTIONS"], pool)),
        least=max(pool.minsize, 1),
    )


def _database(entry: registry.Entry) -> str:
    """Without the password that somebody has put into one of these."""
    name, host, port = (
        redacted(str(entry.settings[key] or ""), {}) for key in ("NAME", "HOST", "PORT")
    )
    return f"{name} at {host or 'this machine'}{port and f':{port}'}"


def _state(now: Snapshot, samples: Sequence[sampler.Sample]) -> str:
    before = samples[0].snapshot
    if now.last_error is not None:
        return "opening connections fails"
    if now.exhausted + now.rejected > before.exhausted + before.rejected:
        return "requests got PoolExhausted"
    if now.waiting:
        return "requests are waiting"
    return "at its limit" if now.in_use >= now.maxsize else "well"


def _waiting(pool: Pool[Any], snapshot: Snapshot) -> str:
    longest = pool.longest_wait()
    if longest is None:
        return "nobody waits"
    return f"{snapshot.waiting} waiting, the first for {charts.seconds(max(longest, 0.0))}"
