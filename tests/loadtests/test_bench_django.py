"""The benchmark's measures under Django, the free pool they are compared with, and its watch."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import quote, urlencode

import gevent
import psycopg2
import pytest
from gevent.event import Event
from support.waiting import eventually

from loadtests.bench.catalogue import cold, day
from loadtests.bench.catalogue.orm import SECTION as ORM
from loadtests.bench.measures import Unavailable
from loadtests.bench.measures.day import needed_seconds
from loadtests.bench.measures.orm_read import crowd
from loadtests.bench.measures.quantiles import p99
from loadtests.bench.plan import plan
from loadtests.bench.process import Worker
from loadtests.bench.watch import Watch
from loadtests.engines import OWN
from loadtests.errors import LoadTestError
from loadtests.free_pool.pool import ExactLifo, FreePool

# ---- arithmetic


def test_p99_is_exceeded_by_one_in_a_hundred():
    assert p99([*range(1, 201)]) == 198
    assert p99([1, 5, 3]) == 5


def test_needed_are_as_many_connections_as_requests_up_to_the_limit():
    present = [(0, 4), (1, 3), (1, 2), (10, 11)]
    assert needed_seconds(present, 9) == 4 + 2 + 1 + 1
    assert needed_seconds(present, 2) == 4 + 2 + 1  # three of them from 1 to 2
    assert needed_seconds(present, 1) == 4 + 1


def test_a_crowd_tells_who_starves():
    calls, over = [], Event()

    def operation():
        calls.append(None)
        if len(calls) == 4:  # the first that counts, after one of each
            over.wait()
        gevent.sleep(0.02)

    found = crowd(operation, over.set, 0.5, greenlets=3)
    assert found["starved"] == 1
    assert found["ops"] > 0
    assert found["spread"] > 0.5
    assert found["p99"] >= 500  # also of what did not end in time


# ---- which sections


def test_a_quick_run_leaves_out_what_takes_long():
    quick, full = ({part.section.name for part in plan(quick=quick)} for quick in (True, False))
    assert full - quick == {"day"}
    with pytest.raises(LoadTestError, match="leave --quick out"):
        plan(["day"], quick=True)


def test_only_one_section_without_peers():
    (part,) = plan(["orm"], peers=False, rounds=4)
    assert (part.section, part.effort.rounds) == (ORM, 4)
    assert not any(subject.peer for subject in part.subjects)


# ---- the free pool


class Connection:
    closed = False

    def close(self):
        self.closed = True


def test_the_free_pool_hands_over_in_order_and_keeps_its_limit():
    pool, served = FreePool(1), []
    connection = pool.acquire(Connection)

    def work(number):
        mine = pool.acquire(Connection)
        served.append((number, mine is connection))
        pool.release(mine)

    workers = [gevent.spawn(work, number) for number in range(3)]
    gevent.sleep(0)
    assert served == []
    pool.release(connection)
    gevent.joinall(workers, raise_error=True)
    assert served == [(0, True), (1, True), (2, True)]
    pool.close()
    assert connection.closed
    assert pool.acquire(Connection) is not connection


def test_exact_lifo_closes_what_is_idle_and_nothing_else():
    pool = ExactLifo(2, 0.02)
    used, idle = pool.acquire(Connection), pool.acquire(Connection)
    pool.release(used)
    assert pool.acquire(Connection) is used
    pool.release(idle)
    eventually(lambda: idle.closed)
    assert not used.closed


# ---- at a server


def url_of(server):
    return f"postgresql:///?{urlencode(server.params, quote_via=quote)}"


def test_a_watch_counts_connections_and_ends_them(server):
    name = "watched"
    before = psycopg2.connect(**{**server.params, "application_name": name})
    with closing(before), Watch(url_of(server), name) as watch:
        with pytest.raises(psycopg2.OperationalError):
            before.cursor().execute("SELECT 1")
        watch.sample()
        for _ in range(2):
            with closing(psycopg2.connect(**{**server.params, "application_name": name})):
                watch.sample()
        numbers = watch.numbers()
    assert (numbers["openings"], numbers["most"]) == (2, 1)


def test_a_crowd_at_an_empty_pool_is_measured_and_watched(server):
    (subject,) = (s for s in cold.GROWTH.subjects if s.name == OWN)
    url, name = url_of(server), "cold"
    arguments = {**subject.arguments(url, name), "greenlets": 4}
    with Worker(subject.measure, arguments) as worker, Watch(url, name) as watch:
        watch.sample()  # where it is so fast that no other one falls into it
        numbers = {**worker.measure(0.01, watch.sample), **watch.numbers()}
    assert set(numbers) == {metric.key for metric in subject.metrics}
    assert numbers["wall"] >= 20
    assert numbers["most"] <= 4


def test_orm_reads_need_room_at_the_server(server):
    (subject,) = (s for s in ORM.subjects if s.name == OWN)
    arguments = {**subject.arguments(url_of(server)), "connections": 10**6}
    with pytest.raises(Unavailable, match="max_connections is"), Worker("orm_read", arguments):
        pass


@pytest.mark.long
def test_a_short_day(server):
    (subject,) = (s for s in day.SECTION.subjects if s.name == OWN)
    url, name = url_of(server), "day"
    with Worker(subject.measure, subject.arguments(url, name)) as worker, Watch(url, name) as watch:
        numbers = worker.measure(4, watch.sample)
        numbers.update(watch.numbers(numbers["needed"], numbers["left_at"]))
    assert {metric.key for metric in subject.metrics} <= set(numbers)
    assert numbers["peak"] >= 30
    assert numbers["held"] >= 1
    assert numbers["left"] == 0
