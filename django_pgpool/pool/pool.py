"""The elastic pool, as callers and operators see it: acquire, release, evict, drain, resize, close.

What it is built on, one class on the other: ``ledger``, ``deciding``, with the invariants,
``closing``, ``opening``, ``queueing``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import Context
from random import Random, SystemRandom
from time import monotonic
from typing import Any

from .closing import condemn
from .driver import C, Driver
from .events import Level, Observer, Reason
from .note import note_of_caller
from .queueing import Queueing
from .reaper import NEVER
from .runtime import Runtime, allocate_lock, current_runtime, get_ident
from .slot import IDLE, IN_USE, Slot


class Pool(Queueing[C]):
    """An elastic pool of connections. Durations are seconds; None means never, or no limit.

    ``maxsize``: the most connections there ever are. ``maxwait``: how long ``acquire`` waits.
    ``expires``: a connection is closed at this age at the latest, if it is not in use.
    ``cleanup``: one that was idle for so long is closed. ``minsize``: as many are kept once the
    pool has been used. ``maxwaiting``: more callers than this do not queue. ``ping_after``: the
    server is asked whether a connection still works that was idle for so long. ``held_warning``:
    a connection that is held for so long is reported, see ``note_holder``.

    The common ways of ``acquire`` and ``release`` take no lock. They rely on CPython, with its
    global lock: only at calls and where a loop goes round again, behind its condition, may another
    thread go on, or a signal handler raise. So what is read and written between belongs together.
    """

    def __init__(
        self,
        driver: Driver[C],
        *,
        name: str = "default",
        maxsize: int = 20,
        maxwait: float = 10.0,
        expires: float | None = 300.0,
        cleanup: float | None = 20.0,
        minsize: int = 0,
        maxwaiting: int | None = None,
        ping_after: float | None = None,
        held_warning: float | None = None,
        observers: Iterable[Observer] = (),
        runtime: Runtime | None = None,
        clock: Callable[[], float] = monotonic,
        random: Random | None = None,
    ) -> None:
        super().__init__(
            driver,
            name=name,
            maxsize=maxsize,
            minsize=minsize,
            expires=expires,
            cleanup=cleanup,
            held_warning=held_warning,
            observers=observers,
            runtime=current_runtime() if runtime is None else runtime,
            clock=clock,
            random=random or SystemRandom(),
        )
        self.maxwait = maxwait
        self.maxwaiting = maxwaiting
        self._ping_after = NEVER if ping_after is None else ping_after
        self._reset = driver.reset

    # ---- what callers do

    def acquire(self, maxwait: float | None = None) -> Slot:
        """Take a connection: ``slot.connection``. Give it back with ``release(slot, slot.lease)``.

        Waits up to ``maxwait`` seconds (default: the pool's), first come, first served. Raises
        PoolExhausted when they have passed, PoolClosed, or the driver's error where opening a
        connection failed.
        """
        started = now = self._clock()
        idle = self._idle
        while True:
            if idle:
                slot = idle[-1]
                del idle[-1]
                slot.state = IN_USE
                self._acquires += 1  # up to here no other thread and no signal handler gets in
                reason = None
                try:
                    slot.lease = 1 - slot.lease
                    slot.acquired_at = now
                    if now >= slot.expires_at:
                        reason = slot.doom or Reason.EXPIRED
                    elif not slot.readable() and (
                        now - slot.last_used < self._ping_after
                        or self._driver.ping(slot.connection)
                    ):
                        return slot
                except BaseException:
                    self._evict(slot, slot.lease, Reason.BROKEN, unused=True)
                    raise
                self._evict(slot, slot.lease, reason or Reason.BROKEN, unused=True)
            else:
                if maxwait is None:
                    maxwait = self.maxwait
                return self._wait_in_line(started, now, maxwait)
            now = self._clock()

    def release(self, slot: Slot, lease: int) -> None:
        """Give a connection back; ``lease`` is what ``slot.lease`` was when it was acquired.

        A connection that is in a transaction is rolled back, what its holder has left in the
        session is undone, and one that cannot be reused is closed. Raises RuntimeError where it was
        released before.
        """
        if slot.lease != lease or slot.state is not IN_USE:
            raise self._not_held(slot)
        slot.lease = lease = -lease  # from here on it is ours alone to give back
        try:
            reason = self._reset(slot.connection)
            now = self._clock()
            if reason is not None:
                self._evict(slot, lease, reason)
                if reason is Reason.DEMOTED or (
                    reason is Reason.TERMINATED and self._others_ended()
                ):
                    self.drain()
            elif now >= slot.expires_at or slot.lease != lease:
                self._evict(slot, lease, slot.doom or Reason.EXPIRED)
            else:
                self._use_seconds += now - slot.acquired_at
                slot.acquired_at = slot.last_used = now
                queue = self._queue
                while queue:
                    if slot.readable():  # an idle one is looked at when it is acquired
                        self._evict(slot, lease, Reason.BROKEN)
                        return
                    if queue:  # as in _hand_over(), which each release would feel
                        waiter: Any = queue[0]  # from here on nobody else gets in
                        del queue[0]
                        slot.lease = 1 - lease
                        waiter.slot = slot
                        self._acquires += 1
                        waited = now - waiter.queued_at
                        self._wait_seconds += waited
                        if waited > self._wait_seconds_max:
                            self._wait_seconds_max = waited
                        alarm = waiter.alarm
                        try:
                            if alarm is not None and alarm.thread == get_ident():
                                alarm.run_callback(waiter.switch, None)
                            else:
                                waiter.wake()
                        except BaseException:
                            waiter.wake()
                            raise
                        return
                slot.state = IDLE
                self._idle.append(slot)  # since the look at the queue no other thread got in
                wakes_at = self._reaper.wakes_at
                if wakes_at > now + self._cleanup or wakes_at > slot.expires_at:
                    self._have_reaped(slot)
        except BaseException:
            if slot.lease == lease and slot.state is IN_USE:
                # Killed while cleaning up: nobody knows what state it is in.
                self._evict(slot, lease, Reason.DIRTY)
            raise

    def note_holder(self, slot: Slot) -> None:
        """Remember where the caller, who holds ``slot``, comes from; if it holds it for longer than
        ``held_warning`` an event tells. It is never taken away."""
        warn_at = slot.acquired_at + self._held_warning
        slot.note = note_of_caller(slot.lease, warn_at)
        if warn_at < self._reaper.wakes_at:
            self._reaper.wake_at(warn_at)

    def evict(self, slot: Slot, lease: int, reason: Reason = Reason.BROKEN) -> None:
        """Give a connection back that must not be used again. RuntimeError: as ``release``."""
        self._evict(slot, lease, reason)

    def reclaim(self, slot: Slot, lease: int, context: Context | None = None) -> None:
        """Give back what a dead owner still holds, in a greenlet of its own; observers are told in
        its ``context``, or that of its acquire where that is noted. Never switches and takes no
        lock: it is called by finalizers, and again where it was killed before it began."""
        if slot.lease == lease and slot.state is IN_USE:
            if (note := slot.note) is not None and note.lease == lease:
                context = note.context.copy()
            self._runtime.spawn(
                lambda: (context or Context()).run(self._reclaim, slot, lease),
                lambda: self.reclaim(slot, lease, context),
            )

    # ---- what operators do

    def drain(self, *, user: str | None = None) -> None:
        """Replace every connection: idle ones are closed now, the others when they come back.
        ``user``: who asked for it, for the log."""
        with self._lock:
            for slot in self._slots:
                condemn(slot, Reason.DRAINED)
        self._reap_now()
        self._tell("pool_drained", Level.INFO, user=user)

    def resize(self, maxsize: int, *, user: str | None = None) -> None:
        """Change the limit. A surplus is closed, idle ones now and the rest when they come back.
        ``user``: who asked for it, for the log. Raises ValueError."""
        given: object = maxsize  # in a shell it may be anything
        if not isinstance(given, int) or given < max(self.minsize, 1):
            raise ValueError(
                "maxsize must be a whole number, at least 1 and not below "
                f"minsize={self.minsize}, not {maxsize!r}"
            )
        with self._lock:
            before, self.maxsize = self.maxsize, maxsize
            sound = [slot for slot in self._slots if slot.doom is None]
            idle_first = sorted(sound, key=lambda slot: (slot.state is not IDLE, slot.last_used))
            for slot in idle_first[: max(len(sound) - maxsize, 0)]:
                condemn(slot, Reason.SURPLUS)
            errands = self._decide(self._clock())
        self._carry_out(errands)
        self._reap_now()
        told = {"resized_from": before, "resized_to": maxsize}
        self._tell("pool_resized", Level.INFO, **told, user=user)

    def retire(self) -> None:
        """End the pool, and fail nobody: who waits is served, and so is who still comes. What is
        idle is closed at once, now and whenever a connection comes back that nobody waits for."""
        with self._lock:
            self._retired = True
            self.minsize = 0
            self._cleanup = 0.0
        self._reap_now()
        self._reaper.wake()  # to find that nothing is left to do
        self._tell("pool_closed", Level.INFO)

    def close_idle(self) -> list[C]:
        """At the interpreter's exit: close what is idle, open nothing any more. Nobody is told,
        nobody fails: who waits ends with the process. Returns the connections still in use."""
        with self._lock:
            self._closed = True
            for slot in self._slots:
                condemn(slot, Reason.CLOSED)
            held = [slot.connection for slot in self._slots if slot.state is IN_USE]
        self._reap_now()
        return held

    def close(self) -> None:
        """End the pool: waiters fail with PoolClosed, idle connections are closed now and those in
        use when they come back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            failed = self._fail_waiters(self._clock(), len(self._queue), self._closed_error())
            for slot in self._slots:
                condemn(slot, Reason.CLOSED)
        for waiter in failed:
            waiter.wake()
        self._reap_now()
        self._reaper.wake()  # to find that nothing is left to do
        self._tell("pool_closed", Level.INFO)

    def forget(self) -> None:
        """In a forked child: the parent's connections are not ours to close."""
        for slot in self._slots:
            slot.lease = 0  # what is held by now cannot be given back
        self._begin(allocate_lock())  # somebody in the parent may have held the old one
        self._closed = True

    @property
    def closed(self) -> bool:
        """Or retired: either way it keeps no connection."""
        return self._closed or self._retired

    # ---- release

    def _lost(self, slot: Slot) -> None:
        # Else whoever was killed in a statement and lives on, as gunicorn's greenlets do while they
        # wait for the client's next request, would hold a slot without a connection.
        lease = slot.lease
        if lease > 0:  # else it is being released, which sees to it by itself
            self._runtime.spawn(lambda: self._release_lost(slot, lease), lambda: None)

    def _release_lost(self, slot: Slot, lease: int) -> None:
        with suppress(RuntimeError):  # it was given back meanwhile
            self.release(slot, lease)

    def _reclaim(self, slot: Slot, lease: int) -> None:
        held = self._clock() - slot.acquired_at
        self.release(slot, lease)
        with self._lock:
            self._reclaimed += 1
        self._tell("connection_reclaimed", Level.INFO, held)

    def _others_ended(self) -> bool:
        """Whether the server has ended idle sessions, too: then it is shutting down, or somebody
        ends them all. One that was ended alone does not empty the pool."""
        with self._lock:
            connections = [slot.connection for slot in self._idle]
        for connection in connections:
            # With a probe of our own: another thread that acquires it is using the slot's.
            with suppress(Exception):  # and may have closed it
                if self._driver.probe(connection)():
                    return True
        return False

    def _have_reaped(self, slot: Slot) -> None:
        """Tell the reaper when it has to see to a slot that has become idle."""
        with self._lock:
            due = min(slot.expires_at, self._idle_until(slot))
        self._reaper.wake_at(due)
