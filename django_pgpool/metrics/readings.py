"""What metrics tell of the pools of this process: numbers by alias that never go back, whichever
pools an alias has had. Reading them opens no connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import registry
from ..pool import Pool, Reason, Snapshot
from ..pool.buckets import Buckets
from ..pool.runtime import allocate_lock
from ..pool.timed import Meter, meter
from ..process import after_fork_in_child

COUNTERS = ("exhausted", "rejected", "abandoned", "reclaimed", "open_failures")
"""Of the snapshot."""


class Durations(NamedTuple):
    counts: tuple[int, ...]
    """In each of the buckets that ``BOUNDS`` makes."""
    seconds: float
    """All together."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One alias in this process. States and limits are those of the moment; what is counted, and
    durations in seconds, are counted since ``begin()``, also where their pool has ended since."""

    alias: str
    states: Mapping[str, int]
    """Connections that are opening, idle, in_use, closing."""
    waiting: int
    maxsize: int
    minsize: int
    counted: Mapping[str, int]
    """COUNTERS."""
    evictions: Mapping[str, int]
    """By every reason there is."""
    wait: Durations
    """Of all callers, those included who got an error instead of a connection."""
    use: Durations
    create: Durations

    @property
    def is_quiet(self) -> bool:
        """Nothing changes until a connection is opened."""
        return not self.waiting and not any(self.states.values())


class _Account:
    """One alias."""

    def __init__(self) -> None:
        self.wait, self.use, self.create = Buckets(), Buckets(), Buckets()
        record = self.wait.record
        self.meter = Meter(record, record, self.use.record, self.create.record)
        self.pools: list[Pool[Any]] = []
        self.ended: Counter[str] = Counter()
        """What was counted by pools that are no more."""

    def read(self, alias: str) -> Reading:
        taken = [(pool, pool.snapshot()) for pool in self.pools]
        for pool, snapshot in taken:
            if snapshot.closed and not snapshot.size and not snapshot.waiting:
                self.pools.remove(pool)
                self.ended += _counted(snapshot)
        here = [snapshot for pool, snapshot in taken if pool in self.pools]
        counted = sum(map(_counted, here), self.ended.copy())
        return Reading(
            alias=alias,
            states={
                state: sum(getattr(snapshot, state) for snapshot in here)
                for state in ("opening", "idle", "in_use", "closing")
            },
            waiting=sum(snapshot.waiting for snapshot in here),
            maxsize=sum(snapshot.maxsize for snapshot in here if not snapshot.closed),
            minsize=sum(snapshot.minsize for snapshot in here if not snapshot.closed),
            counted={name: counted[name] for name in COUNTERS},
            evictions={str(reason): counted[reason] for reason in Reason},
            wait=_durations(self.wait),
            use=_durations(self.use),
            create=_durations(self.create),
        )


def _counted(snapshot: Snapshot) -> Counter[str]:
    return Counter({name: getattr(snapshot, name) for name in COUNTERS} | dict(snapshot.evictions))


def _durations(buckets: Buckets) -> Durations:
    return Durations(tuple(buckets.counts), buckets.seconds)


_accounts: dict[str, _Account] = {}
_lock = allocate_lock()
_begun = False


def begin() -> None:
    """Count from now on, in this process and in those that it forks. A second call does nothing."""
    global _begun  # noqa: PLW0603  there is one
    if not _begun:
        _begun = True
        registry.watch(_account_for)
        after_fork_in_child(_after_fork_in_child)


def read() -> list[Reading]:
    """The numbers of every alias that has had a pool since ``begin()``."""
    with _lock:
        return [account.read(alias) for alias, account in _accounts.items()]


def _account_for(pool: Pool[Any]) -> None:
    with _lock:
        account = _accounts.get(pool.name)
        if account is None:
            account = _accounts[pool.name] = _Account()
        account.pools.append(pool)
    meter(pool, account.meter)


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  another thread of the parent may have held it
    _lock = allocate_lock()
    _accounts.clear()
