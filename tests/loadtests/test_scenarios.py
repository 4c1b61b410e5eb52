"""Every scenario as a plan: its phases, requests and faults."""

from __future__ import annotations

from itertools import islice

import pytest

from loadtests.scenarios import SCENARIOS, Common, PoolSettings

POOL = PoolSettings(maxsize=4, maxwait=1, expires=20, cleanup=3)
NAMES = ["steady", "spike", "day", "saturation", "slow"]
NAMES += ["outage", "failover", "killer", "leak", "soak"]


def build(name, scale=1.0, **own):
    return SCENARIOS[name].build(Common(POOL, scale=scale), **own)


def test_these_are_all():
    assert sorted(SCENARIOS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_repeats_itself_and_has_pages_for_all_it_asks(name):
    scenario = build(name)
    arrivals = list(islice(scenario.arrivals(), 500))
    assert arrivals == list(islice(build(name).arrivals(), 500))
    assert {arrival.kind for arrival in arrivals} <= set(scenario.plan.mix)
    assert all(arrival.path.startswith(f"/{arrival.kind}/") for arrival in arrivals)
    assert scenario.description.endswith(".")
    assert scenario.parameters.keys() == {p.name for p in SCENARIOS[name].parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_faults_come_where_a_phase_begins(name):
    scenario = build(name, scale=0.5)
    begins = [begin for _, begin in scenario.spans()]
    assert all(fault.at in begins for fault in scenario.plan.faults)
    assert bool(scenario.plan.faults) == (scenario.plan.servers != "any")


def test_scale_shortens():
    for name in ("steady", "saturation", "slow", "outage", "failover", "soak"):
        assert build(name, scale=0.1).seconds == pytest.approx(build(name).seconds / 10)


def test_saturation_offers_a_multiple_of_what_all_workers_can_do():
    common = Common(POOL, workers=3)
    scenario = SCENARIOS["saturation"].build(common, load=2.0, hold=0.1)
    assert [phase.start for phase in scenario.plan.phases] == pytest.approx([60, 240, 60])


def test_a_spike_comes_on_a_pool_that_is_empty():
    scenario = build("spike", burst=7, times=2)
    first, second = [begin for phase, begin in scenario.spans() if phase.burst == 7]
    assert second - first > POOL.cleanup
    assert len(list(scenario.arrivals())) == 14


def test_a_soak_lasts_as_long_as_it_is_told():
    assert build("soak").seconds == pytest.approx(600)
    assert build("soak", hours=2, minutes=3).seconds == pytest.approx(7380)
