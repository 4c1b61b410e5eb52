"""The load does not wait for the site, and latency counts from the moment a request was due."""

from __future__ import annotations

import asyncio
import selectors
from contextlib import asynccontextmanager

import pytest

from loadtests.load import Load
from loadtests.recorder import Recorder
from loadtests.scenarios import SCENARIOS, Common, PoolSettings


class Clock(selectors.SelectSelector):
    """Time that passes only while everybody sleeps: how fast the machine is does not matter."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "everybody waits, and nobody has a time-out"
        self.now += timeout
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self):
        return self.clock.now


class Answer:
    ok = True
    headers = {"X-Wait": "0.25", "X-Use": "0.5"}

    async def read(self):
        return b""


class Site:
    """Stands in for the HTTP client: each request runs ``handle`` and is then answered."""

    def __init__(self, handle):
        self.handle = handle
        self.open = self.most_open = self.requests = 0

    @asynccontextmanager
    async def post(self, path, headers):
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
    scenario = SCENARIOS["steady"].build(Common(pool), rate=200, seconds=0.5)
    recorder = Recorder(scenario.seconds)
    site = Site(handle)

    async def main():
        await Load(scenario, site, recorder).run()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    return site, recorder, len(list(scenario.arrivals()))


def total(recorder):
    """Half a second of results; the phases do not matter here."""
    return recorder.as_dict(0.5, {})["total"]


def test_a_site_that_does_not_answer_meets_the_same_load():
    async def stuck(number):
        await asyncio.sleep(0.6)

    site, recorder, planned = drive(stuck)
    assert site.most_open == planned
    assert total(recorder)["offered"] == total(recorder)["completed"] == planned
    assert recorder.delays.percentiles()["max"] < 0.001
    assert total(recorder)["latency"]["p50"] == pytest.approx(0.6, rel=0.01)


def test_latency_counts_from_the_intended_arrival():
    """A stall of the driver delays sending: who was due in that time waited, and it shows."""

    async def stall_once(number):
        if number == 10:
            asyncio.get_running_loop().clock.now += 0.25  # the whole loop stands still

    _, recorder, _ = drive(stall_once)
    latency, delay = total(recorder)["latency"], recorder.delays.percentiles()
    assert latency["max"] == pytest.approx(0.25, rel=0.01)
    assert latency["p90"] >= delay["p90"] > 0.1  # not one of them: all that were due
    assert latency["p50"] < 0.25


def test_errors_are_counted_by_kind_and_not_as_latency():
    async def broken(number):
        raise TimeoutError

    _, recorder, planned = drive(broken)
    assert total(recorder)["errors"] == {"timeout": planned}
    assert total(recorder)["completed"] == 0
    assert total(recorder)["latency"]["p99"] is None


def test_the_site_says_how_long_a_visitor_waited_and_used_a_connection():
    async def at_once(number):
        pass

    _, recorder, _ = drive(at_once)
    assert total(recorder)["wait"]["p50"] == pytest.approx(0.25, rel=0.01)
    assert total(recorder)["use"]["max"] == pytest.approx(0.5, rel=0.01)
