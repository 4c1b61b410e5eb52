"""How callers wait for a connection, first come, first served, for a limited time."""

from __future__ import annotations

from typing import Any

from ..exceptions import PoolClosed, PoolExhausted
from .driver import C
from .events import Level, Reason
from .messages import closed, queue_full, timed_out
from .opening import Opening
from .reaper import BLOCKED
from .runtime import Parker
from .slot import IN_USE, Slot

UNSETTLED: Any = None
"""Of a record whose caller still waits."""
EARLY = 0.001
"""Seconds by which a timer may be early."""


class Queueing(Opening[C]):
    """Those who find nothing idle."""

    maxwaiting: int | None

    def _wait_in_line(self, started: float, now: float, maxwait: float) -> Slot:
        """Queue for a slot."""
        if self._closed:
            raise self._closed_error()
        queue, slots = self._queue, self._slots
        if self.maxwaiting is not None and len(queue) >= self.maxwaiting:
            self._rejected += 1
            raise self._exhaustion(queue_full(self.snapshot(), self.maxwaiting), 0.0)
        alarm = self._alarm
        waiter: Any = self._runtime.main_parker()
        met = waiter.hub is alarm.hub
        if not met and waiter.hub is not None:
            waiter = self._runtime.parker()
            alarm.meet(waiter.hub)
        waiter.slot = waiter.error = waiter.alarm = UNSETTLED
        waiter.queued_at = now
        joined = False
        try:
            queue.append(waiter)
            self._waits += 1
            size = len(slots)
            if (
                (size < self.maxsize and (self._opening < self._growth.ramp or len(queue) == 1))
                or size == self._closing
                or self._idle
                or self._closed
            ):
                self._see_to_queue(now)
            joined = True  # else somebody will release, or an opening ends and decides anew
            due = started + maxwait
            if met and due >= alarm.latest:
                waiter.alarm = alarm
                waiter.due = alarm.latest = due
                alarm.sleepers += 1  # since the look at the latest no signal handler got in
                try:
                    if alarm.timer is None:
                        alarm.set(due - now)
                    waiter.get()
                finally:
                    alarm.sleepers -= 1
                    if not alarm.sleepers:
                        alarm.unset()
            else:
                waiter.park(due - now)
            if waiter.slot is None:
                self._park_on(waiter, due, maxwait)
                if self._leave(waiter):
                    self._exhausted += 1
            granted: Slot | None = waiter.slot
            if granted is not None:
                return granted
        except BaseException:  # GreenletExit, gevent.Timeout, KeyboardInterrupt
            if self._leave(waiter):
                self._abandoned += 1
            elif waiter.slot is not None:  # granted while dying: pass it on
                self._pass_on(waiter.slot)
            if not joined:
                self._catch_up()
            raise
        if waiter.error is not None:
            raise waiter.error
        waited = self._clock() - started
        error = self._growth.error
        full = error is not None and self._driver.is_full(error)
        message = timed_out(self.snapshot(), maxwait, waited, error, full=full)
        raise self._exhaustion(message, waited) from error

    def _see_to_queue(self, now: float) -> None:
        """Somebody has joined it: have done what that calls for."""
        if self._closed:
            raise self._closed_error()
        while self._queue:  # another thread could not see yet that somebody waits
            if not self._idle:  # asked here: at the loop's end, too, others may go on
                break
            slot = self._idle[-1]
            del self._idle[-1]
            slot.state = IN_USE
            self._acquires += 1
            slot.lease = 1 - slot.lease
            self._pass_on(slot)
        with self._lock:
            if len(self._queue) == 1:
                self._growth.begin_anew()
            errands = self._decide(now)
        self._carry_out(errands)

    def _park_on(self, waiter: Parker, due: float, forgiven: float) -> None:
        """Sleep on where the sleep ended early, or late: time in which the hub was blocked, so that
        nobody could have given anything back, does not count, up to ``forgiven`` seconds."""
        while waiter.slot is None and waiter.error is None:
            now = self._clock()
            if now < due - EARLY:
                waiter.park(due - now)
            elif now >= due + BLOCKED and forgiven > 0:
                more = min(now - due, forgiven)
                forgiven -= more
                due = now + more
                waiter.park(more)
            else:
                return

    def _leave(self, waiter: Parker) -> bool:
        """The caller's sleep has ended: if nobody has settled its record, it leaves the queue."""
        if waiter.slot is not None or waiter.error is not None:
            return False
        try:
            # From the front, where those are whose time is up.
            self._queue.remove(waiter)
        except ValueError:  # it was settled just now, or had not joined
            return False
        self._waited(self._clock() - waiter.queued_at)
        return True

    def _exhaustion(self, message: str, waited: float) -> PoolExhausted:
        self._tell("pool_exhausted", Level.WARNING, waited)
        return PoolExhausted(message, self.snapshot(), waited)

    def _closed_error(self) -> PoolClosed:
        return PoolClosed(closed(self.name))

    def _pass_on(self, slot: Slot) -> None:
        """Give on a slot that was granted to somebody who does not take it."""
        now = self._clock()
        if now >= slot.expires_at:
            self._evict(slot, slot.lease, slot.doom or Reason.EXPIRED, unused=True)
        elif slot.readable():
            self._evict(slot, slot.lease, Reason.BROKEN, unused=True)
        else:
            with self._lock:
                self._acquires -= 1
                slot.last_used = now
                due = self._place(slot, now)
            self._reaper.wake_at(due)
