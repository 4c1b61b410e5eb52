"""A pool that tells regularly how it is used: event ``pool_stats``, described in docs/logs.md.

In a class of its own, so that a pool that need not tell pays nothing for it.
"""

from __future__ import annotations

import math
import os
import threading
from typing import Any, NamedTuple

from .driver import C, Driver
from .events import Level, Reason
from .histogram import Histogram
from .reaper import NEVER, Reaper
from .slot import IDLE, IN_USE, Slot
from .timed import Meter, TimedPool

STATES = ("size", "in_use", "idle", "opening", "closing", "waiting")
COUNTERS = (
    *("acquires", "waits", "exhausted", "rejected", "abandoned", "reclaimed"),
    *("openings", "open_failures"),
)


class _Totals(NamedTuple):
    """What only grows, at one instant; a line tells by how much."""

    at: float
    counters: dict[str, int]
    evictions: dict[Reason, int]
    held: float
    """Seconds for which there were connections, added up."""
    used: float
    """... and for which they were in use."""
    late_reuses: int
    late_reuse_seconds: float


class MeasuredPool(TimedPool[C]):
    """A pool whose observers get one event ``pool_stats`` each ``stats_interval`` seconds: while it
    is used or has connections, and one more. Its timer is none that keeps a process alive, and it
    ends with the pool. The other parameters are those of ``Pool``.
    """

    def __init__(self, driver: Driver[C], *, stats_interval: float, **options: Any) -> None:
        self.stats_interval = stats_interval
        super().__init__(driver, **options)

    def _begin(self, lock: threading.Lock) -> None:
        super()._begin(lock)
        self._reporter = Reaper(self._runtime, lock, self._clock, self._report, self._next_line)
        self._since: _Totals | None = None
        """Where the interval began; None while there is nothing to tell."""
        self._most = dict.fromkeys(STATES, 0)
        self._wait, self._use, self._open_time = (Histogram(1e-6) for _ in range(3))
        record = self._wait.record
        self._told(Meter(record, record, self._use.record, self._open_time.record))
        self._needed = Histogram(1)
        self._ended_seconds = 0.0
        """How long those connections lived that are no more."""
        self._late_reuses = 0
        self._late_reuse_seconds = 0.0

    # ---- what is measured

    def acquire(self, maxwait: float | None = None) -> Slot:
        """As ``Pool.acquire``."""
        if (self._since is None or self._reporter.wakes_at == NEVER) and not self._closed:
            self._begin_interval(self._clock())
        self._needed.record(self._in_use + len(self._queue) + 1)
        return super().acquire(maxwait)

    def _acquired(self, slot: Slot, seconds: float) -> None:
        super()._acquired(slot, seconds)
        if (in_use := self._in_use) > self._most["in_use"]:
            self._most["in_use"] = in_use
        late = slot.acquired_at - slot.last_used - self._cleanup / 2
        if late > 0:
            self._late_reuses += 1
            self._late_reuse_seconds += late

    def _released(self, seconds: float) -> None:
        super()._released(seconds)
        if (idle := len(self._idle)) > self._most["idle"]:
            self._most["idle"] = idle

    def _wait_in_line(self, started: float, now: float, maxwait: float) -> Slot:
        waiting = len(self._queue) + 1
        if not self._closed and (self.maxwaiting is None or waiting <= self.maxwaiting):
            self._look(waiting)
        return super()._wait_in_line(started, now, maxwait)

    def _reserve(self, now: float) -> Slot:
        slot = super()._reserve(now)
        self._look(len(self._queue))
        return slot

    def _place(self, slot: Slot, now: float) -> float:
        due = super()._place(slot, now)
        self._look(len(self._queue))
        return due

    def _start_closing(self, slot: Slot) -> None:
        super()._start_closing(slot)
        self._ended_seconds += self._clock() - slot.created_at
        self._look(len(self._queue))

    def _account_closed(self, slot: Slot, reason: Reason) -> None:
        super()._account_closed(slot, reason)
        if self._retired and not self._slots:
            self._reporter.wake()  # for the last line

    def _look(self, waiting: int) -> None:
        """Remember the most of each state. As every look without the lock it may be one off, where
        another thread gets in."""
        most = self._most
        now = (len(self._slots), self._in_use, len(self._idle), self._opening, self._closing)
        for state, number in zip(STATES, (*now, waiting), strict=True):
            if number > most[state]:
                most[state] = number

    # ---- when it is told

    def retire(self) -> None:
        """As ``Pool.retire``."""
        super().retire()
        self._reporter.wake()

    def close(self) -> None:
        """As ``Pool.close``; what is not told yet is told now."""
        super().close()
        self._reporter.wake()

    def _begin_interval(self, now: float) -> None:
        with self._lock:
            if self._since is None:
                self._begin_anew(now)
            due = self._next_line(now)
        self._reporter.wake_at(due)

    def _begin_anew(self, now: float) -> None:
        """*(locked)*"""
        self._since = self._totals(now)
        self._most = dict.fromkeys(STATES, 0)
        self._look(len(self._queue))

    def _next_line(self, now: float) -> float:
        """When the next line is due. *(locked)*"""
        return NEVER if self._since is None else self._since.at + self.stats_interval

    def _report(self, late: float) -> None:
        with self._lock:
            before, now = self._since, self._clock()
            if before is None:
                return
            ended = self._closed or (self._retired and not self._slots)
            if now < before.at + self.stats_interval and not ended:
                return
            totals = self._totals(now)
            details = {**self._settings(), **self._measured(before, totals)}
            nothing = not self._slots and totals[1:] == before[1:]
            if nothing or ended:
                self._since = None
            else:
                self._begin_anew(now)
        self._tell("pool_stats", Level.INFO, **details)

    # ---- what is told

    def _totals(self, now: float) -> _Totals:
        """*(locked)*"""
        slots = [slot for slot in self._slots if slot.state in (IDLE, IN_USE)]
        lived = math.fsum(now - slot.created_at for slot in slots)
        in_use = math.fsum(now - slot.acquired_at for slot in slots if slot.state is IN_USE)
        return _Totals(
            at=now,
            counters={name: getattr(self, f"_{name}") for name in COUNTERS},
            evictions=dict(self._evictions),
            held=self._ended_seconds + lived,
            used=self._use_seconds + in_use,
            late_reuses=self._late_reuses,
            late_reuse_seconds=self._late_reuse_seconds,
        )

    def _settings(self) -> dict[str, int | float | None]:
        return {
            "pid": os.getpid(),
            "maxsize": self.maxsize,
            "minsize": self.minsize,
            "maxwait": self.maxwait,
            "expires": self.expires,
            "cleanup": None if self._cleanup == NEVER else self._cleanup,
        }

    def _measured(self, before: _Totals, after: _Totals) -> dict[str, int | float | None]:
        """*(locked)*"""
        found: dict[str, int | float | None] = {
            "interval": after.at - before.at,
            "opening": self._opening,
            "closing": self._closing,
            **{f"{state}_max": number for state, number in self._most.items()},
            "connection_seconds": after.held - before.held,
            "use_seconds": after.used - before.used,
            "late_reuses": after.late_reuses - before.late_reuses,
            "late_reuse_seconds": after.late_reuse_seconds - before.late_reuse_seconds,
            **{name: after.counters[name] - before.counters[name] for name in COUNTERS},
            **{
                f"evicted_{reason}": after.evictions[reason] - before.evictions[reason]
                for reason in Reason
            },
        }
        for name, histogram in (
            ("needed", self._needed),
            ("wait", self._wait),
            ("use", self._use),
            ("open", self._open_time),
        ):
            found |= {f"{name}_{quantile}": value for quantile, value in histogram.take().items()}
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in found.items()
        }
