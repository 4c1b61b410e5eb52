"""How connections are opened: in greenlets of their own, for whoever waits when they are done."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from .closing import Closing
from .driver import C
from .errors import forget_frames, one_line
from .events import Level
from .reaper import NEVER
from .runtime import Parker
from .slot import IN_USE, Slot, State


class Opening(Closing[C]):
    """Methods marked *(locked)* are called with the lock held."""

    def _spawn_opening(self, slot: Slot) -> None:
        try:
            self._runtime.spawn(partial(self._open, slot), partial(self._opening_ended, slot))
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
            self._driver.watch(slot.connection, partial(self._lost, slot))
        except BaseException as error:
            try:
                if slot.connection is not None:
                    self._discard(slot.connection)
            finally:
                self._opening_failed(slot, error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
        else:
            if slot in self._slots:
                self._opened(slot, started)
            else:  # in a forked child, and begun by the parent: nobody waits for it
                self._discard(slot.connection)

    def _discard(self, connection: C) -> None:
        """Close it: it does not become one of the pool's."""
        with suppress(Exception):
            if farewell := self._driver.close(connection):
                farewell()

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
            # Another thread may have joined the queue since, and relied on this opening.
            errands = self._decide(self._clock())
        self._carry_out(errands)
        return True

    def _opened(self, slot: Slot, started: float) -> None:
        now = self._clock()
        due = NEVER
        with self._lock:
            room = self.maxsize - len(self._slots) + self._opening
            self._growth.succeeded(now - started, min(len(self._queue), room))
            self._opening -= 1
            self._connecting -= 1
            self._openings += 1
            self._open_seconds += now - started
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
