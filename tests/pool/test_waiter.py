"""The ways in which a caller sleeps and is woken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.threadpool import ThreadPool

from django_pgpool.pool.runtime import GeventParker, GeventRuntime, ThreadParker


def test_a_wake_before_the_park_is_not_lost() -> None:
    for parker in (GeventParker(), ThreadParker()):
        parker.wake()
        started = time.monotonic()
        parker.park(30.0)
        assert time.monotonic() - started < 10.0


@pytest.mark.parametrize("make", [GeventParker, ThreadParker])
def test_several_wakes_are_as_good_as_one(make: Callable[[], Any]) -> None:
    parker = make()
    parker.wake()
    parker.wake()
    parker.park(30.0)
    gevent.sleep(0)  # a second callback of the hub finds nobody
    parker.wake()
    parker.park(30.0)


@pytest.mark.parametrize("make", [GeventParker, ThreadParker])
@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.001])
def test_a_park_ends_by_itself(make: Callable[[], Any], seconds: float) -> None:
    make().park(seconds)


def test_waking_the_dead_is_harmless() -> None:
    parkers = []

    def sleep() -> None:
        parkers.append(GeventParker())
        parkers[0].park(30.0)

    sleeper = gevent.spawn(sleep)
    gevent.sleep(0)
    sleeper.kill()
    parkers[0].wake()
    gevent.sleep(0)
    assert sleeper.dead


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


def test_a_greenlet_is_woken_from_another_thread() -> None:
    parker = GeventRuntime().parker()
    waker = ThreadPool(1)
    waker.spawn(parker.wake)
    started = time.monotonic()
    parker.park(30.0)
    assert time.monotonic() - started < 10.0
    waker.kill()


def test_waking_one_whose_thread_has_ended_is_harmless() -> None:
    foreign = ThreadPool(1)
    parker = foreign.apply(GeventParker)
    foreign.kill()
    end = time.monotonic() + 5.0
    while parker.hub.loop is not None and time.monotonic() < end:
        gevent.sleep(0.005)
    parker.wake()
    parker.hub.thread_ident  # noqa: B018  still there: only its loop is gone


@pytest.mark.threads
def test_a_thread_is_woken_from_another_thread() -> None:
    parker = ThreadParker()
    threading.Timer(0.01, parker.wake).start()
    started = time.monotonic()
    parker.park(30.0)
    assert time.monotonic() - started < 10.0
