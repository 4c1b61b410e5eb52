"""The load does not wait for the site, and latency counts from the moment a request was due."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from loadtests.load import Load
from loadtests.recorder import Recorder
from loadtests.scenarios import PoolSettings, day


class Answer:
    ok = True

    async def read(self):
        return b""


class Site:
    """Stands in for the HTTP client: each request runs ``handle`` and is then answered."""

    def __init__(self, handle):
        self.handle = handle
        self.open = self.most_open = self.requests = 0

    @asynccontextmanager
    async def get(self, path):
        self.requests += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await self.handle(self.requests)
            yield Answer()
        finally:
            self.open -= 1


def drive(handle):
    """Half a second of load; returns the stand-in and the recorder."""
    pool = PoolSettings(maxsize=1, maxwait=1, expires=1, cleanup=1)
    scenario = day(rate=200, hold=0, pool=pool, scale=0.5 / 58)
    recorder = Recorder(phase.name for phase in scenario.phases)
    site = Site(handle)

    async def main():
        await Load(scenario, site, recorder).run()

    asyncio.run(main())
    return site, recorder, len(list(scenario.arrivals()))


def total(recorder, what):
    return sum(getattr(tally, what) for tally in recorder.phases.values())


def test_a_site_that_does_not_answer_meets_the_same_load():
    async def stuck(number):
        await asyncio.sleep(0.6)

    site, recorder, planned = drive(stuck)
    assert site.most_open == planned
    assert total(recorder, "offered") == total(recorder, "completed") == planned
    assert recorder.delays.percentiles()["p50"] < 0.1


def test_latency_counts_from_the_intended_arrival():
    """A stall of the driver delays sending: who was due in that time waited, and it shows."""

    async def stall_once(number):
        if number == 10:
            time.sleep(0.25)  # the whole loop stands still

    _, recorder, _ = drive(stall_once)
    slowest = max(tally.latencies.percentiles()["max"] or 0 for tally in recorder.phases.values())
    assert slowest == pytest.approx(0.25, abs=0.1)
    assert recorder.delays.percentiles()["p90"] > 0.05  # not one of them: all that were due


def test_errors_are_counted_by_kind_and_not_as_latency():
    async def broken(number):
        raise TimeoutError

    _, recorder, planned = drive(broken)
    errors = [tally.errors["timeout"] for tally in recorder.phases.values()]
    assert sum(errors) == planned
    assert total(recorder, "completed") == 0
    assert recorder.phases["peak"].latencies.percentiles()["p99"] is None
