"""What a pool consists of at an instant, and what it tells of that: snapshots and events."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random
from typing import Any, Generic

from .alarm import Alarm
from .driver import C, Driver
from .events import Event, Level, Observer, Reason
from .expiry import Expiry
from .growth import Growth
from .note import Note
from .reaper import NEVER
from .runtime import Parker, Runtime, allocate_lock
from .slot import IN_USE, Slot
from .stats import Snapshot


class Ledger(Generic[C]):
    """What ``Deciding`` and the others build on. Methods marked *(locked)*: the lock is held."""

    def __init__(
        self,
        driver: Driver[C],
        *,
        name: str,
        maxsize: int,
        minsize: int,
        expires: float | None,
        cleanup: float | None,
        held_warning: float | None,
        observers: Iterable[Observer],
        runtime: Runtime,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.name = name
        self.maxsize = maxsize
        self.minsize = minsize
        self.expires = expires
        self._cleanup = NEVER if cleanup is None else cleanup
        self._held_warning = NEVER if held_warning is None else held_warning
        self._driver = driver
        self._observers = tuple(observers)
        self._runtime = runtime
        self._clock = clock
        self._growth = Growth(random)
        self._expiry = Expiry(random)
        self._begin(allocate_lock())

        self._acquires = 0
        self._waits = 0
        self._exhausted = 0
        self._rejected = 0
        self._abandoned = 0
        self._reclaimed = 0
        self._openings = 0
        self._open_failures = 0
        self._open_seconds = 0.0
        self._use_seconds = 0.0
        self._wait_seconds = 0.0
        self._wait_seconds_max = 0.0
        self._evictions = dict.fromkeys(Reason, 0)

    def _begin(self, lock: threading.Lock) -> None:
        """An empty pool; also in a forked child, where what there was is the parent's."""
        self._lock = lock
        self._slots: set[Slot] = set()
        """Every slot there is, in whatever state."""
        self._idle: list[Slot] = []
        """Last in, first out, at the end; so the first is the least recently used. Acquire and
        release change it without the lock, see ``Pool``: a look at it is old when it is over."""
        self._queue: deque[Parker] = deque()
        """The callers who wait, the oldest first. As ``_idle`` it is changed without the lock."""
        self._alarm = Alarm(self._queue, self._clock)
        self._opening = 0
        """Slots in state OPENING."""
        self._connecting = 0
        """Those of them whose opener has begun; the others may still be elided."""
        self._closing = 0
        """Slots in state CLOSING."""
        self._closed = False
        self._retired = False
        """It serves those who come, and keeps nothing for later."""
        self._told_size = 0
        """The size that observers know of."""
        self._shrinking = False
        """Whether the reaper has closed something since it was told."""
        self._passes = 0
        """Passes of the reaper, or of what does its work, that are under way."""

    @property
    def _in_use(self) -> int:
        """*(locked)*"""
        return len(self._slots) - len(self._idle) - self._opening - self._closing

    def _idle_and_in_use(self) -> tuple[int, int]:
        """How many slots are, at one and the same instant. *(locked)*"""
        idle = len(self._idle)
        return idle, len(self._slots) - idle - self._opening - self._closing

    # ---- snapshots

    def snapshot(self) -> Snapshot:
        """The pool's numbers, all of one instant."""
        with self._lock:
            error = self._growth.error
            idle, in_use = self._idle_and_in_use()
            return Snapshot(
                pool=self.name,
                maxsize=self.maxsize,
                minsize=self.minsize,
                closed=self._closed or self._retired,
                size=len(self._slots),
                opening=self._opening,
                idle=idle,
                in_use=in_use,
                closing=self._closing,
                waiting=len(self._queue),
                acquires=self._acquires,
                waits=self._waits,
                wait_seconds=self._wait_seconds,
                wait_seconds_max=self._wait_seconds_max,
                use_seconds=self._use_seconds,
                openings=self._openings,
                open_failures=self._open_failures,
                open_seconds=self._open_seconds,
                evictions={str(reason): n for reason, n in self._evictions.items() if n},
                exhausted=self._exhausted,
                rejected=self._rejected,
                abandoned=self._abandoned,
                reclaimed=self._reclaimed,
                last_error=None if error is None else str(error),
            )

    def held(self) -> dict[Slot, tuple[int, float]]:
        """The slots in use: the number of the lease and for how many seconds it is held."""
        with self._lock:
            now = self._clock()
            return {
                slot: (slot.lease, now - slot.acquired_at)
                for slot in self._slots
                if slot.state is IN_USE
            }

    def longest_wait(self) -> float | None:
        """Seconds for which the first in the queue has waited; None: nobody waits."""
        with suppress(IndexError):
            return self._clock() - self._queue[0].queued_at
        return None

    def _noted(self) -> list[tuple[Slot, Note]]:
        """The slots in use whose holder is known. *(locked)*"""
        return [
            (slot, slot.note)
            for slot in self._slots
            if slot.note is not None and slot.note.lease == slot.lease and slot.state is IN_USE
        ]

    # ---- telling

    def observe(self, observer: Observer) -> None:
        """Have one more observer told, from now on."""
        self._observers = (*self._observers, observer)

    def _tell(
        self,
        event: str,
        level: Level,
        seconds: float | None = None,
        **details: str | int | float | None,
    ) -> None:
        """Tell the observers, outside the lock. They may switch, and be killed; an error of theirs
        is theirs."""
        for observer in self._observers:
            if _listens(observer, level):
                break
        else:
            return
        with self._lock:
            idle, in_use = self._idle_and_in_use()
            record = Event(
                event=event,
                level=level,
                pool=self.name,
                size=len(self._slots),
                in_use=in_use,
                idle=idle,
                waiting=len(self._queue),
                seconds=seconds,
                details=details,
            )
        for observer in self._observers:
            with suppress(Exception):
                observer(record)

    def _tell_held(self) -> None:
        """Once for each acquire that lasts longer than ``held_warning``."""
        now = self._clock()
        with self._lock:
            late = [(slot, note) for slot, note in self._noted() if now >= note.warn_at]
            for slot, note in late:
                slot.note = note._replace(warn_at=NEVER)
        for slot, note in late:
            note.context.run(
                self._tell,
                "connection_held_too_long",
                Level.WARNING,
                now - slot.acquired_at,
                owner=repr(note.owner()),
                stack="".join(note.stack.format()),
            )

    def _tell_growth(self) -> None:
        """One event per burst of openings: when the last in flight has ended."""
        with self._lock:
            before, size = self._told_size, len(self._slots)
            if self._opening or size <= before:
                return
            self._told_size = size
        self._tell("pool_grew", Level.INFO, grew_from=before, grew_to=size)

    def _tell_shrinkage(self) -> None:
        """One event per pass of the reaper: when all that it closed is gone."""
        with self._lock:
            before, size = self._told_size, len(self._slots)
            if self._passes or self._closing or not self._shrinking:
                return
            self._shrinking = False
            if size >= before:
                return
            self._told_size = size
        self._tell("pool_shrank", Level.INFO, shrank_from=before, shrank_to=size)


def _listens(observer: Observer, level: Level) -> bool:
    """Who cannot say it is told."""
    with suppress(Exception):
        listens: Any = getattr(observer, "listens", None)
        return listens is None or bool(listens(level))
    return True
