"""Sessions that the server ends, and servers that go away and come back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median, pstdev
from typing import Any
from unittest.mock import patch

import gevent
from support.aliases import Alias
from support.driver import opener
from support.waiting import running

from django_pgpool.pool import growth
from django_pgpool.pool.growth import FIRST

from .cluster import Postgres
from .outcome import Outcome, Run
from .traffic import Traffic, Visit
from .world import counted, look_at_the_ruins, make_alias, on_tcp, pool_on, usable

FIRST_STEP, LAST_STEP = 0.1, 1.0
"""Of the pool's back-off, in seconds."""
PATIENCE = 1.0
"""Seconds for which the pool lets callers wait for a server that has only just gone."""
SLACK = 3.0
"""Seconds that a busy machine may add to anything."""


def terminated(run: Run) -> None:
    """Ten idle sessions at a time; then fifty requests, in turns together and one by one."""
    rounds, maxsize = run.pick(60, 6), 10
    with pool_on(run, maxsize=maxsize, maxwait=20) as (_, alias):
        for number in range(rounds):
            usable(alias)  # opens them all
            alias.server.terminate(*alias.pids)
            traffic = Traffic(alias, run.outcome, 0, query=0)
            if number % 2:
                with running(*[traffic.visit] * 50) as greenlets:
                    gevent.joinall(greenlets, timeout=30)
            else:
                for _ in range(50):
                    traffic.visit()
            for visit in traffic.failed:
                run.outcome.fail(visit.error)
            run.outcome.tried += len(traffic.visits)


def restart(run: Run) -> None:
    """Fifty visitors, each holds its connection a little longer than its statement takes."""
    rounds, maxsize = run.pick(10, 2), 10
    outages = []
    with patch.object(growth, "PATIENCE", 60), Postgres() as postgres:
        alias = make_alias(postgres.params, maxsize=maxsize, maxwait=60)
        with (
            counted(run.outcome, postgres.params, maxsize) as samples,
            Traffic(alias, run.outcome, 50, query=0.01, hold=0.005, pause=0.01) as traffic,
        ):
            for _ in range(rounds):
                traffic.wait_for(200)
                went = time.monotonic()
                postgres.stop("immediate")
                gone = time.monotonic()
                postgres.start()
                outages.append((went, gone, time.monotonic()))
                traffic.wait_for(200)
        look_at_the_ruins(alias, run.outcome)
    seen = (len(samples.lost), len(samples.back))
    run.outcome.check(seen == (rounds, rounds), f"{seen} outages and ends of them")
    _judge(run.outcome, traffic.visits, outages)


def _judge(
    outcome: Outcome, visits: list[Visit], outages: list[tuple[float, float, float]]
) -> None:
    """Only what was in flight when the server went may have failed. Of an outage: when the server
    was told to stop, when it was gone, and when it was back."""
    failed = [visit for visit in visits if visit.error is not None]
    for visit in failed:
        if not any(_explained(visit, went, gone) for went, gone, _ in outages):
            outcome.fail(visit.error)
    recoveries, late = [], []
    for _, gone, there in outages:
        well = [v.ended for v in visits if v.error is None and (v.sent or 0) > gone]
        recoveries.append(min(well) - there)
        step = min(max(FIRST_STEP, there - gone), LAST_STEP)  # the last one is about that long
        late.append(recoveries[-1] - step)
        outcome.check(late[-1] < SLACK, f"recovered after {recoveries[-1]:.2f} s")
    outcome.check(median(late) < 0.5, f"recovered {median(late):.2f} s after the next attempt")
    outcome.remarks.append(
        f"{len(outages)} outages of {median(there - went for went, _, there in outages):.2f} s; "
        f"{len(failed)} statements were in flight; the first answer came "
        f"{max(recoveries) * 1000:.0f} ms after the server's return at the latest"
    )


def _explained(visit: Visit, went: float, gone: float) -> bool:
    """Whether this outage may have failed it: it was in flight."""
    return visit.sent is not None and visit.sent < gone and went < visit.ended < gone + SLACK


def down(run: Run) -> None:
    """Twenty visitors knock all the time, over TCP ("Connection refused") and a unix socket."""
    for transport, seconds in (("tcp", run.pick(30, 4)), ("socket", run.pick(5, 0))):
        if seconds:
            with pool_down(run, transport) as (alias, postgres):
                _outage(run, alias, postgres, seconds)


@contextmanager
def pool_down(run: Run, transport: str) -> Iterator[tuple[Alias, Any]]:
    settings = on_tcp()
    host = {"HOST": settings["listen_addresses"]} if transport == "tcp" else {}
    with pool_on(run, settings, maxsize=FIRST, maxwait=60, **host) as (postgres, alias):
        yield alias, postgres


def _outage(run: Run, alias: Alias, postgres: Any, seconds: float) -> None:
    outcome = run.outcome
    with Traffic(alias, outcome, 20, pause=0.05) as traffic, Openings() as openings:
        traffic.wait_for(100)
        went = time.monotonic()
        postgres.stop("fast")
        gone = time.monotonic()
        gevent.sleep(seconds)
        began_to_return = time.monotonic()
        postgres.start()
        there = time.monotonic()
        traffic.wait_for(100)
    met = [v for v in traffic.visits if v.began > gone and v.ended < began_to_return]
    for visit in met:
        outcome.check(visit.error, "a request has succeeded without a server")
        outcome.check("timeout" not in str(visit.error), f"not the real error: {visit.error}")
    later = [v.seconds for v in met if v.began > gone + PATIENCE + 0.5]
    outcome.check(met and max(v.seconds for v in met) < PATIENCE + SLACK, "slow failures")
    outcome.check(later and median(later) < 0.2, "failures are not fast during the outage")
    recovery = min(v.ended for v in traffic.visits if v.error is None and v.ended > there) - there
    outcome.check(recovery < LAST_STEP + SLACK, f"recovered after {recovery:.1f} s")
    for visit in traffic.failed:
        if visit.ended < went or visit.began > there + LAST_STEP + SLACK:
            outcome.fail(visit.error)
    attempts = openings.between(went, began_to_return)[FIRST:]  # the first ones find out
    outcome.check(Openings.together(attempts) <= 1, "several openings in flight together")
    _check_spread(outcome, attempts, began_to_return - went)
    errors = Counter(type(v.error).__name__ for v in met)
    outcome.remarks.append(
        f"{seconds} s: {len(met):,} requests ({dict(errors)}), {len(attempts)} attempts to open; "
        f"back {recovery:.2f} s after the server"
    )


def _check_spread(outcome: Outcome, attempts: list[tuple[float, float]], seconds: float) -> None:
    """Steps of 0.1 s, doubled up to 1 s, each shortened by a random part of up to its half."""
    gaps = [after[0] - before[1] for before, after in pairwise(attempts)]
    most = 5 + 2 * seconds / LAST_STEP + 2
    outcome.check(0 < len(attempts) <= most, f"{len(attempts)} attempts in {seconds:.1f} s")
    outcome.check(all(gap < LAST_STEP + SLACK for gap in gaps), f"gaps of {gaps}")
    last_steps = gaps[5:]  # those before are of different lengths without jitter, too
    if len(last_steps) >= 10:
        outcome.check(pstdev(last_steps) > 0.05 * LAST_STEP, f"no jitter: {gaps}")


class Openings:
    """Beginning and end of every opening by a pool of this process, while the block lasts."""

    def __init__(self) -> None:
        self.all: list[tuple[float, float]] = []

    def __enter__(self) -> Openings:
        self._connect = opener().connect
        self._patch = patch.object(opener(), "connect", self._record)
        self._patch.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._patch.stop()

    def _record(self, *args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return self._connect(*args, **kwargs)
        finally:
            self.all.append((began, time.monotonic()))

    def between(self, start: float, end: float) -> list[tuple[float, float]]:
        return sorted(pair for pair in self.all if start < pair[0] < end)

    @staticmethod
    def together(attempts: list[tuple[float, float]]) -> int:
        """The most that were in flight at one moment."""
        edges = [(began, 1) for began, _ in attempts] + [(ended, -1) for _, ended in attempts]
        running = most = 0
        for _, change in sorted(edges):
            running += change
            most = max(most, running)
        return most
