"""The ways in which a caller sleeps and is woken."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.event
import pytest
from gevent.threadpool import ThreadPool

from django_pgpool.pool.doorbell import Doorbell
from django_pgpool.pool.runtime import GeventParker, GeventRuntime, ThreadParker
from pool.conftest import eventually


def test_a_wake_before_the_park_is_not_lost() -> None:
    for parker in (GeventRuntime().parker(), ThreadParker()):
        parker.wake()
        started = time.monotonic()
        parker.park(30.0)
        assert time.monotonic() - started < 10.0


@pytest.mark.parametrize("make", [GeventParker, ThreadParker])
def test_several_wakes_are_as_good_as_one(make: Callable[[], Any]) -> None:
    parker = make()
    started = time.monotonic()
    parker.wake()
    parker.wake()
    parker.park(30.0)
    gevent.sleep(0)  # a second callback of the hub finds nobody
    parker.wake()
    parker.park(30.0)
    assert time.monotonic() - started < 10.0


@pytest.mark.parametrize("make", [GeventParker, ThreadParker])
@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.001])
def test_a_park_ends_by_itself(make: Callable[[], Any], seconds: float) -> None:
    make().park(seconds)


def test_waking_the_dead_is_harmless(hub_errors: list[BaseException]) -> None:
    parkers = []

    def sleep() -> None:
        parkers.append(GeventParker())
        parkers[0].park(30.0)

    sleeper = gevent.spawn(sleep)
    gevent.sleep(0)
    sleeper.kill()
    parkers[0].wake()
    gevent.sleep(0)
    assert hub_errors == []


def test_a_wake_and_a_kill_in_one_turn_of_the_loop_do_not_confuse_the_next_park() -> None:
    log = []

    def sleep() -> None:
        parker = GeventParker()
        parkers.append(parker)
        try:
            parker.park(30.0)
        except gevent.GreenletExit:
            log.append("killed")
            parkers.append(GeventParker())
            parkers[1].park(0.01)
            log.append("slept")

    parkers: list[GeventParker] = []
    sleeper = gevent.spawn(sleep)
    gevent.sleep(0)
    sleeper.kill(block=False)
    parkers[0].wake()
    sleeper.join(5.0)
    assert log == ["killed", "slept"]


def make_main() -> GeventParker:
    return GeventRuntime().parker()


def make_daemon() -> GeventParker:
    return GeventRuntime().daemon_parker()


@pytest.fixture
def foreign() -> Iterator[ThreadPool]:
    thread = ThreadPool(1)
    yield thread
    thread.kill()


@pytest.mark.parametrize("make", [make_main, make_daemon])
def test_a_greenlet_is_woken_from_another_thread(
    make: Callable[[], GeventParker], foreign: ThreadPool
) -> None:
    parker = make()
    waking = foreign.spawn(parker.wake)
    started = time.monotonic()
    parker.park(30.0)
    assert time.monotonic() - started < 10.0
    waking.get()


def test_a_greenlet_of_another_thread_is_woken_from_this_one(foreign: ThreadPool) -> None:
    parker = foreign.apply(GeventRuntime().parker)
    started = time.monotonic()
    parker.wake()
    parker.wake()
    foreign.apply(parker.park, (30.0,))  # they were not lost
    parking = foreign.spawn(parker.park, 30.0)
    eventually(lambda: parker.greenlet is not None, gevent.sleep)
    parker.wake()
    parking.get()
    assert time.monotonic() - started < 10.0


def test_a_wake_from_another_thread_does_not_touch_the_loops_own_count(foreign: ThreadPool) -> None:
    """gevent's run_callback_threadsafe() does; what it adds and the loop takes away at the same
    moment may be lost."""

    def wake_all() -> list[int]:
        before = loop.activecnt
        for _ in range(10):
            for parker in parkers:
                parker.wake()
        return [before, loop.activecnt]

    parkers = [make_main(), make_daemon()]
    loop: Any = parkers[0].hub.loop
    before, after = foreign.apply(wake_all)
    assert before == after
    for parker in parkers:
        parker.park(30.0)
    parkers = [foreign.apply(GeventRuntime().parker)]
    loop = parkers[0].hub.loop
    before, after = wake_all()
    assert before == after


def test_calls_are_answered_though_one_is_interrupted(hub_errors: list[BaseException]) -> None:
    doorbell, answered = Doorbell(), gevent.event.Event()

    def interrupted(_: None) -> None:
        raise KeyboardInterrupt

    doorbell.hang(gevent.get_hub())
    doorbell.ring(interrupted)
    doorbell.ring(lambda _: answered.set())
    with pytest.raises(KeyboardInterrupt):
        gevent.sleep(30.0)
    assert answered.wait(10.0)
    assert isinstance(hub_errors.pop(), KeyboardInterrupt)


def test_waking_one_whose_thread_has_ended_is_harmless(foreign: ThreadPool) -> None:
    parker = foreign.apply(GeventRuntime().parker)
    foreign.kill()
    eventually(lambda: parker.hub.loop is None, gevent.sleep)
    parker.wake()


HUBS = """
import gevent
from gevent.threadpool import ThreadPool
from django_pgpool.pool.runtime import GeventRuntime, doorbell

runtime = GeventRuntime()

def sleeper():
    parkers.append(runtime.parker())
    parkers[-1].park(30.0)

parkers = []
for _ in range(3):
    sleeping = gevent.spawn(sleeper)
    gevent.sleep(0)
    waking = ThreadPool(1)
    waking.apply(parkers[-1].wake)
    waking.kill()
    sleeping.join()
    assert doorbell.hub is gevent.get_hub()
    gevent.get_hub().destroy(destroy_loop={destroy_loop})
    for parker in parkers:
        parker.wake()
    runtime.daemon_parker().wake()
for _ in range(10):
    thread = ThreadPool(1)
    parker = thread.apply(runtime.parker)
    parking = thread.spawn(parker.park, 30.0)
    parker.wake()
    parking.get()
    thread.kill()
    while parker.hub.loop is not None:
        gevent.sleep(0.001)
    parker.wake()
print("done")
"""


@pytest.mark.parametrize("destroy_loop", [True, False])
@pytest.mark.parametrize("loop", ["libev-cext", "libev-cffi", "libuv-cffi"])
def test_hubs_may_be_destroyed_and_replaced_with_every_loop(loop: str, destroy_loop: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUBS.format(destroy_loop=destroy_loop)],
        env={"PYTHONPATH": ":".join(sys.path), "GEVENT_LOOP": loop},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.threads
def test_a_thread_is_woken_from_another_thread() -> None:
    parker = ThreadParker()
    threading.Timer(0.01, parker.wake).start()
    started = time.monotonic()
    parker.park(30.0)
    assert time.monotonic() - started < 10.0
