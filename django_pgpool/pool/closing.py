"""Where free slots go, and how connections are closed: at once, or by the reaper when due."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .deciding import Deciding
from .demand import SOON_AT_LEAST, Demand, soon
from .driver import C
from .events import Level, Reason
from .reaper import BLOCKED, NEVER, Reaper
from .runtime import get_ident
from .slot import IDLE, IN_USE, Slot, State


class Closing(Deciding[C]):
    """Methods marked *(locked)* are called with the lock held."""

    def _begin(self, lock: threading.Lock) -> None:
        super()._begin(lock)
        self._reaper = Reaper(self._runtime, lock, self._clock, self._step, self._next_due)
        self._soon = soon(self._cleanup)
        self._demand = Demand(self._clock(), self._soon)

    # ---- placing and closing

    def _place(self, slot: Slot, now: float) -> float:
        """Give a free slot to the oldest waiter, or make it idle. Returns when the reaper has to
        see to it."""
        while self._queue:
            if self._hand_over(slot, now):
                return NEVER
        slot.state = IDLE
        if slot.lease > 0:  # it was granted, but not taken
            slot.lease = -slot.lease
        self._idle.append(slot)  # since the look at the queue no other thread got in
        return min(slot.expires_at, self._idle_until(slot))

    def _hand_over(self, slot: Slot, now: float) -> bool:
        """To the oldest waiter. False: nobody waits any more."""
        queue, lease = self._queue, slot.lease
        if not queue:
            return False
        waiter: Any = queue[0]  # from here on no other thread and no signal handler gets in
        del queue[0]
        slot.lease = 1 + lease if lease > 0 else 1 - lease
        slot.acquired_at = now
        waiter.slot = slot
        self._acquires += 1
        seconds = now - waiter.queued_at  # as in _waited(), which each hand-over would feel
        self._wait_seconds += seconds
        if seconds > self._wait_seconds_max:
            self._wait_seconds_max = seconds
        alarm = waiter.alarm
        try:
            if alarm is not None and alarm.thread == get_ident():
                alarm.run_callback(waiter.switch, None)  # as in wake()
            else:
                waiter.wake()
        except BaseException:  # a signal handler's: who was served must not sleep on
            waiter.wake()
            raise
        return True

    def _evict(self, slot: Slot, lease: int, reason: Reason, *, unused: bool = False) -> None:
        """``unused``: it never reached its caller."""
        with self._lock:
            if slot.lease != lease or slot.state is not IN_USE:
                raise self._not_held(slot)
            if unused:
                self._acquires -= 1
            else:
                held = self._clock() - slot.acquired_at
                self._use_seconds += held  # in one go: ``release`` adds to it without the lock
            self._start_closing(slot)
        self._close(slot, reason)

    def _not_held(self, slot: Slot) -> RuntimeError:
        return RuntimeError(
            f"Pool {self.name!r}: this connection was released before (its slot is "
            f"{slot.state.value}, lease {slot.lease}). Release what you have acquired, once."
        )

    def _start_closing(self, slot: Slot) -> None:
        """*(locked)*"""
        slot.state = State.CLOSING
        self._closing += 1

    def _close(self, slot: Slot, reason: Reason) -> None:
        """Close a slot in state CLOSING. It counts until its session has ended at the server, too;
        whoever closes it does not wait for that."""
        farewell = None
        try:
            with suppress(Exception):  # whatever it was: the connection is gone
                farewell = self._driver.close(slot.connection)
        finally:
            slot.connection = None
            if farewell is None:
                self._closed_at_last(slot, reason)
            else:
                self._spawn_farewell(slot, reason, farewell)

    def _spawn_farewell(self, slot: Slot, reason: Reason, farewell: Callable[[], object]) -> None:
        def work() -> None:
            try:
                with suppress(Exception):
                    farewell()
            finally:
                self._closed_at_last(slot, reason)

        def ended() -> None:  # in the hub: accounts for one that was killed before it began
            self._account_closed(slot, reason)

        try:
            self._runtime.spawn(work, ended)
        except RuntimeError:  # no thread to be had, as at the interpreter's exit
            work()

    def _closed_at_last(self, slot: Slot, reason: Reason) -> None:
        self._account_closed(slot, reason)
        age = self._clock() - slot.created_at
        self._tell("connection_closed", Level.DEBUG, age, reason=str(reason))
        self._tell_shrinkage()

    def _account_closed(self, slot: Slot, reason: Reason) -> None:
        """Never switches; a second time it does nothing."""
        with self._lock:
            if slot not in self._slots:
                return
            self._slots.discard(slot)
            self._closing -= 1
            self._evictions[reason] += 1
            errands = self._decide(self._clock())
        self._carry_out(errands)

    # ---- reaping

    def _step(self, late: float) -> None:
        """What the reaper does, so many seconds late."""
        with self._lock:
            now = self._clock()
            self._observe_load(now)
            if late > BLOCKED:
                for slot in self._idle:
                    # Nobody could have used it meanwhile.
                    slot.last_used = min(slot.last_used + late, now)
        self._reap()
        if self._held_warning < NEVER:
            self._tell_held()

    def _reap_now(self) -> None:
        """In the caller's greenlet; if it is killed, the reaper goes on."""
        try:
            self._reap()
        finally:
            with self._lock:
                due = self._next_due(self._clock())
            self._reaper.wake_at(due)

    def _reap(self) -> None:
        """Close what is due, one at a time: a kill strands nothing."""
        with self._lock:
            self._passes += 1
        try:
            while True:
                with self._lock:
                    now = self._clock()
                    slot = self._take_due(now)
                    if slot is None:
                        errands = self._decide(now)
                        break
                    reason = self._reason_to_close(slot, now)
                self._close(slot, reason)
        finally:
            with self._lock:
                self._passes -= 1
        self._carry_out(errands)
        self._tell_shrinkage()

    def _take_due(self, now: float) -> Slot | None:
        """Move an idle slot that is due to CLOSING. *(locked)*"""
        for number, slot in enumerate(tuple(self._idle)):
            too_long = number == 0 and now >= self._idle_until(slot)
            if too_long or now >= slot.expires_at:
                with suppress(ValueError):  # another thread has just acquired it
                    self._idle.remove(slot)
                    self._start_closing(slot)
                    self._shrinking = True
                    return slot
        return None

    def _reason_to_close(self, slot: Slot, now: float) -> Reason:
        if slot.doom is not None:
            return slot.doom
        if now >= slot.expires_at:
            return Reason.EXPIRED
        if self._retired:
            return Reason.CLOSED
        return Reason.IDLE if now >= slot.last_used + self._cleanup else Reason.SURPLUS

    def _idle_until(self, slot: Slot) -> float:
        """When an idle slot has been idle for too long. *(locked)*"""
        size = len(self._slots) - self._closing
        if size <= self.minsize:
            return NEVER
        surplus = size > self._demand.connections
        return slot.last_used + (min(self._soon, self._cleanup) if surplus else self._cleanup)

    def _observe_load(self, now: float) -> None:
        """*(locked)*"""
        held = (now - slot.acquired_at for slot in self._slots if slot.state is IN_USE)
        self._demand.observe(now, self._use_seconds + math.fsum(held))

    def _next_due(self, now: float) -> float:
        """When the reaper has something to do. *(locked)*"""
        self._observe_load(now)
        due = self._look_again_at()
        if idle := tuple(self._idle):
            expiries = min(slot.expires_at for slot in idle)
            due = min(due, expiries, self._idle_until(idle[0]))
        if (self._in_use or len(self._slots) > max(self.minsize, 1)) and not self._retired:
            # The load changes without a word. And what is in use will be idle some time: the reaper
            # stays awake for it, or it would have to be started again at its release, and again.
            look = min(self._soon, self.expires or NEVER)
            due = min(due, now + max(look, SOON_AT_LEAST))  # a tiny one is no reason to spin
        if self._held_warning < NEVER:
            due = min([due, *(note.warn_at for _, note in self._noted())])
        return due


def condemn(slot: Slot, reason: Reason) -> None:
    """Have a slot evicted as soon as nobody uses it: whoever looks at it next finds it expired."""
    if slot.doom is None:
        slot.doom = reason
        slot.expires_at = -NEVER
