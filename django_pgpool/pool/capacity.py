"""The slots of a pool: opening, handing over, closing, reaping; all that changes its size.

Invariants, true whenever the lock is free:

* ``len(_slots)`` is the size: it counts a slot from the decision to open until it is closed, and
  never exceeds ``maxsize`` (after a resize to less: does not grow until it is back below);
* idle slots imply that nobody waits, or that the last who joined the queue is about to see to it;
* where somebody waits and there is room, an opening is in flight, or the reaper will look again;
* a slot that is in use belongs to one caller, or to a waiter's record.

Critical sections never switch greenlets, do I/O, log or call observers: they decide, and what they
have decided is done after them. Whoever runs here may be killed wherever it can switch.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from .demand import SOON_AT_LEAST, Demand, soon
from .driver import C
from .errors import forget_frames, fresh, one_line
from .events import Level, Reason
from .ledger import Ledger
from .reaper import BLOCKED, NEVER, Reaper
from .runtime import Parker, get_ident
from .slot import IDLE, IN_USE, Slot, State


class Errands(NamedTuple):
    """Decided under the lock, carried out after it."""

    open: list[Slot]
    fail: list[Parker]
    look_again_at: float


class Capacity(Ledger[C]):
    """What ``Pool`` is built on. Methods marked *(locked)* are called with the lock held."""

    def _begin(self, lock: threading.Lock) -> None:
        super()._begin(lock)
        self._reaper = Reaper(self._runtime, lock, self._clock, self._step, self._next_due)
        self._soon = soon(self._cleanup)
        self._demand = Demand(self._clock(), self._soon)

    # ---- deciding

    def _decide(self, now: float) -> Errands:
        """What the state of the pool calls for; reserves the slots to open. *(locked)*"""
        waiting, size, growth = len(self._queue), len(self._slots), self._growth
        uncovered = max(waiting - self._opening, self.minsize - size)
        if self._closed or not (waiting or uncovered > 0):
            return NOTHING
        in_use = self._in_use
        if size >= self.maxsize and (in_use or self._opening):
            return NOTHING  # who waits is served by the next release, or by the opening's end
        wanted = min(uncovered, growth.allowed(now, self._opening), self.maxsize - size)
        slots = [self._reserve(now) for _ in range(wanted)]
        failed: list[Parker] = []
        if waiting and not in_use and not self._opening and growth.hopeless(now):
            failed = self._fail_waiters(now, waiting, growth.error)
        return Errands(slots, failed, self._look_again_at())

    def _look_again_at(self) -> float:
        """When ``_decide`` may find more to do though nothing has happened. *(locked)*"""
        size, growth = len(self._slots), self._growth
        uncovered = max(len(self._queue) - self._opening, self.minsize - size)
        paused = growth.failures and self._opening < growth.ramp
        if self._closed or uncovered <= 0 or size >= self.maxsize or not paused:
            return NEVER  # what happens next decides anew by itself
        return growth.retry_at

    def _reserve(self, now: float) -> Slot:
        slot = Slot(now)
        self._slots.add(slot)
        self._opening += 1
        return slot

    def _fail_waiters(self, now: float, number: int, error: BaseException | None) -> list[Parker]:
        """Settle the oldest so many with an error, each with one of its own; the caller wakes
        them. *(locked)*"""
        failed: list[Parker] = []
        queue = self._queue
        while queue and len(failed) < number:
            own = fresh(error)
            if queue:  # from here on no other thread and no signal handler gets in
                waiter = queue[0]
                del queue[0]
                waiter.error = own
                self._waited(now - waiter.queued_at)
                failed.append(waiter)
        return failed

    def _waited(self, seconds: float) -> None:
        self._wait_seconds += seconds
        if seconds > self._wait_seconds_max:
            self._wait_seconds_max = seconds

    def _carry_out(self, errands: Errands) -> None:
        """Never switches."""
        for waiter in errands.fail:
            waiter.wake()
        for slot in errands.open:
            self._spawn_opening(slot)
        if errands.look_again_at < self._reaper.wakes_at:
            self._reaper.wake_at(errands.look_again_at)

    # ---- opening

    def _spawn_opening(self, slot: Slot) -> None:
        try:
            self._runtime.spawn(lambda: self._open(slot), lambda: self._opening_ended(slot))
        except RuntimeError as error:  # no thread to be had
            with self._lock:
                slot.begun = True
                self._connecting += 1
            self._opening_failed(slot, error)

    def _catch_up(self) -> None:
        """Begin with the openings that were decided on, by one who was interrupted before he could.
        Those that begin just now anyway are not disturbed."""
        with self._lock:
            missed = [
                slot for slot in self._slots if slot.state is State.OPENING and not slot.begun
            ]
        for slot in missed:
            self._spawn_opening(slot)

    def _open(self, slot: Slot) -> None:
        """In a greenlet of its own: a caller's death never cancels an opening."""
        if self._elide(slot):
            self._tell_growth()
            return
        started = self._clock()
        try:
            slot.connection = self._driver.open()
            slot.readable = self._driver.probe(slot.connection)
            self._driver.watch(slot.connection, lambda: self._lost(slot))
        except BaseException as error:
            try:
                if slot.connection is not None:
                    with suppress(Exception):
                        if farewell := self._driver.close(slot.connection):
                            farewell()
            finally:
                self._opening_failed(slot, error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
        else:
            self._opened(slot, started)

    def _lost(self, slot: Slot) -> None:
        """See ``Driver.watch``."""
        raise NotImplementedError

    def _elide(self, slot: Slot) -> bool:
        """Begin with an opening, or drop it: its reason may have gone meanwhile."""
        with self._lock:
            if slot.begun or slot not in self._slots:
                return True  # by another opener; in a forked child, it was the parent's
            slot.begun = True
            # Those who wait may have been served meanwhile, or are covered by earlier openers.
            needed = len(self._queue) > self._connecting or len(self._slots) <= self.minsize
            if needed and not self._closed:
                self._connecting += 1
                return False
            self._growth.begin_anew()
            self._forget_opening(slot)
            return True

    def _opened(self, slot: Slot, started: float) -> None:
        now = self._clock()
        due = NEVER
        with self._lock:
            if slot not in self._slots:
                return  # in a forked child: it is the parent's
            self._opening -= 1
            self._connecting -= 1
            self._openings += 1
            self._open_seconds += now - started
            self._growth.succeeded(len(self._queue))
            slot.created_at = slot.last_used = now
            slot.state = IN_USE
            doomed = slot.doom is not None
            if doomed:
                self._start_closing(slot)
            else:
                slot.expires_at = self._expiry.next(now, self.expires)
                due = self._place(slot, now)
                if len(self._slots) > max(self.minsize, 1):
                    # Whoever got it: a reaper that sleeps for long must see that there is more now.
                    due = min(due, now + self._soon)
            errands = self._decide(now)
        self._carry_out(errands)
        if due < self._reaper.wakes_at:
            self._reaper.wake_at(due)
        try:
            self._tell("connection_opened", Level.DEBUG, now - started)
        finally:
            if slot.doom is not None and doomed:
                self._close(slot, slot.doom)
        self._tell_growth()

    def _opening_failed(self, slot: Slot, error: BaseException) -> None:
        forget_frames(error)
        was_killed = not isinstance(error, Exception)
        now = self._clock()
        failed: list[Parker] = []
        with self._lock:
            if slot not in self._slots:
                return  # in a forked child: it was the parent's
            self._connecting -= 1
            self._forget_opening(slot)
            if not was_killed:
                transient = self._driver.is_transient(error)
                brief = transient and not self._driver.is_full(error)
                self._open_failures += 1
                self._growth.failed(now, error, brief=brief)
                # Somebody learns the real error at once, unless there is reason to hope: for a
                # connection in use that will be released, or for a server that was there a moment
                # ago and is restarting.
                hope = (transient and (self._in_use or self._opening)) or (
                    brief and self._growth.worked
                )
                if not hope:
                    failed = self._fail_waiters(now, 1, error)
            errands = self._decide(now)
        for waiter in failed:
            waiter.wake()
        self._carry_out(errands)
        if not was_killed:
            self._tell("connection_open_failed", Level.WARNING, None, error=one_line(error))
        self._tell_growth()

    def _opening_ended(self, slot: Slot) -> None:
        """In the hub, after every opener: accounts for one that was killed before it began."""
        with self._lock:
            if slot.begun or slot not in self._slots:
                return
            self._forget_opening(slot)
            errands = self._decide(self._clock())
        self._carry_out(errands)

    def _forget_opening(self, slot: Slot) -> None:
        """*(locked)*"""
        self._slots.discard(slot)
        self._opening -= 1

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


NOTHING = Errands([], [], NEVER)
