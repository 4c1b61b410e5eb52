"""Arrivals are a Poisson process that depends on nothing but its parameters and the seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from loadtests.arrivals import Phase, arrivals, begun

PHASES = (Phase("flat", 20, 50, 50), Phase("ramp", 20, 0, 100), Phase("night", 5, 0, 0))
MIX = {"read": 3, "write": 1}
PAGES = {"read": ["/read/1", "/read/2"], "write": ["/write/1"]}


def make(seed):
    return list(arrivals(PHASES, MIX, PAGES, seed))


def test_the_seed_decides_everything():
    assert make(1) == make(1)
    assert make(1) != make(2)


def test_the_rate_follows_the_phases():
    made = make(1)
    count = Counter(arrival.phase for arrival in made)
    # 1000 expected in each; five standard deviations are 160
    assert count["flat"] == pytest.approx(1000, abs=160)
    assert count["ramp"] == pytest.approx(1000, abs=160)
    assert "night" not in count
    second_half = sum(arrival.phase == "ramp" and arrival.at >= 30 for arrival in made)
    assert second_half / count["ramp"] == pytest.approx(0.75, abs=0.08)


def test_gaps_are_those_of_a_poisson_process():
    """Mean and standard deviation of exponential gaps are equal."""
    times = [arrival.at for arrival in make(1) if arrival.phase == "flat"]
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.15)


def test_kinds_and_pages_follow_the_mix():
    made = make(1)
    count = Counter(arrival.kind for arrival in made)
    assert count["read"] / count["write"] == pytest.approx(3, rel=0.25)
    assert all(arrival.path in PAGES[arrival.kind] for arrival in made)


def test_a_burst_comes_at_once_and_first():
    phases = (Phase("before", 1, 0, 0), Phase("spike", 2, 10, 10, burst=50))
    made = list(arrivals(phases, MIX, PAGES, 1))
    assert [arrival.at for arrival in made[:50]] == [1.0] * 50
    assert all(arrival.at > 1 for arrival in made[50:])
    assert len(made) > 55


def test_phases_of_one_name_are_counted_together_and_only_those_begun():
    phases = (Phase("busy", 2, 1, 1), Phase("calm", 1, 0, 0)) * 2 + (Phase("end", 5, 0, 0),)
    assert begun(phases, 4.5) == {"busy": 3.5, "calm": 1}
    assert begun(phases, 20)["end"] == 5
