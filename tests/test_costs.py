"""What each request pays, in numbers that do not depend on the machine: calls, switches, messages.

The seconds are measured by ``make bench``. Who makes one of these numbers smaller lowers the bound.
"""

import gc
import sys
from collections import Counter

import gevent
import greenlet
from support.waiting import eventually

from django_pgpool.pool import Pool
from loadtests.bench.measures.fake import FakeDriver

ROUNDS = 100


def calls_of(work, rounds=ROUNDS):
    """Calls of Python and of C functions per round."""
    counts = Counter()
    gc.collect()  # finalizers of what other tests have left would count, too

    def count(frame, event, argument):
        counts[event] += 1

    for _ in range(3):
        work()
    gc.disable()
    sys.setprofile(count)
    try:
        for _ in range(rounds):
            work()
    finally:
        sys.setprofile(None)
        gc.enable()
    assert counts["call"] >= rounds
    return counts["call"] / rounds - 1, counts["c_call"] / rounds


def switches_of(work):
    """Switches between greenlets, in all."""
    switches = []
    greenlet.settrace(lambda event, arguments: switches.append(event))
    try:
        work()
    finally:
        greenlet.settrace(None)
    return len(switches)


def test_acquire_and_release():
    pool = Pool(FakeDriver())

    def pair():
        slot = pool.acquire()
        pool.release(slot, slot.lease)

    python, c = calls_of(pair)
    assert python <= 4  # of which two are the driver's
    assert c <= 3.1
    assert switches_of(pair) == 0


def test_ensure_connection_and_close(alias, server):
    pid = alias.ask("SELECT pg_backend_pid()")
    eventually(lambda: alias.states == ["idle"])
    message = server.last_message(pid)
    wrapper = alias.wrapper

    def pair():
        wrapper.ensure_connection()
        wrapper.close()

    python, c = calls_of(pair)
    assert python <= 9
    assert c <= 10.1
    assert switches_of(pair) == 0
    assert server.last_message(pid) == message


def test_waiting_for_a_connection():
    pool = Pool(FakeDriver(), maxsize=1)
    slot = pool.acquire()

    def wait():
        granted = pool.acquire()
        pool.release(granted, granted.lease)

    waiter = gevent.spawn(wait)
    eventually(lambda: pool.snapshot().waiting == 1)
    pool.release(slot, slot.lease)
    # To the hub, to the waiter, which ends there, and back; and once to the reaper, which begins.
    assert 2 <= switches_of(waiter.join) <= 6


def crowd_at(size, greenlets):
    """What lets so many greenlets do one operation each at a pool of this size."""
    pool = Pool(FakeDriver(), maxsize=size, cleanup=None)  # or its reaper's calls would count, too
    for slot in [pool.acquire() for _ in range(size)]:  # so would openings
        pool.release(slot, slot.lease)

    def operation():
        slot = pool.acquire()
        gevent.sleep(0)
        pool.release(slot, slot.lease)

    return lambda: gevent.joinall([gevent.spawn(operation) for _ in range(greenlets)])


def test_twenty_for_each_connection():
    crowd = crowd_at(5, 100)

    def floor():
        gevent.joinall([gevent.spawn(gevent.sleep, 0) for _ in range(100)])

    (python, c), (floor_python, floor_c) = calls_of(crowd), calls_of(floor)
    assert (python - floor_python) / 100 <= 6.1  # of which two are the driver's
    assert (c - floor_c) / 100 <= 5


def test_an_operation_makes_as_many_calls_at_any_size():
    def calls_at(size):
        python, c = calls_of(crowd_at(size, 10 * size), rounds=max(200 // size, 1))
        return (python + c) / (10 * size)

    assert calls_at(1_000) <= 1.02 * calls_at(10)
