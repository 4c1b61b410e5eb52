"""Connections expire in time, and never all together."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from fakes import slow

from django_pgpool.pool.expiry import JITTER, Expiry
from pool.conftest import Rig


def burst(number: int, seed: int) -> list[float]:
    expiry = Expiry(Random(seed))
    return [expiry.next(1000.0, 300.0) for _ in range(number)]


@pytest.mark.parametrize("seed", range(20))
def test_expirations_lie_in_the_last_fifth_of_the_lifetime(seed: int) -> None:
    moments = burst(20, seed)
    assert min(moments) >= 1000.0 + 300.0 * (1 - JITTER)
    assert max(moments) <= 1300.0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("number", [2, 5, 20, 100, 1000])
def test_those_of_one_burst_are_spaced_out(seed: int, number: int) -> None:
    moments = sorted(burst(number, seed))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    average = 300.0 * JITTER / number
    assert min(gaps) > average / 3
    assert max(gaps) < average * 3


def test_two_draws_differ() -> None:
    assert burst(5, 1) != burst(5, 2)


def test_without_expires_nothing_expires(rig: Rig) -> None:
    assert Expiry(Random(1)).next(1000.0, None) == float("inf")
    rig.build(expires=None, cleanup=None)
    rig.release(rig.acquire())
    rig.advance(1e6)
    assert rig.numbers.idle == 1
    assert not rig.simulation.alive()


def test_a_pool_that_was_filled_at_once_is_renewed_little_by_little(rig: Rig) -> None:
    rig.build(expires=300.0, cleanup=None)
    rig.driver.always("open", slow(0.001))
    rig.release(*rig.fill(20))
    rig.advance(240.0 - 2.0)
    assert rig.numbers.idle == 20
    sizes = []
    for _ in range(62):
        rig.advance(1.0)
        sizes.append(rig.numbers.size)
    assert sizes[-1] == 0
    falls = [before - after for before, after in zip([20, *sizes], sizes, strict=False)]
    assert max(falls) <= 3


def test_a_connection_in_use_outlives_its_time_until_it_comes_back(rig: Rig) -> None:
    rig.build(expires=10.0)
    slot = rig.acquire()
    rig.advance(100.0)
    assert rig.numbers.in_use == 1
    assert slot.connection.is_open
    rig.release(slot)
    assert rig.numbers.size == 0


def test_no_idle_connection_grows_older_than_expires(rig: Rig) -> None:
    rig.build(expires=10.0, cleanup=None)
    rig.release(*rig.fill(5))
    rig.advance(9.001)
    rig.advance(1.0)
    assert rig.numbers.size == 0
    assert rig.numbers.evictions == {"expired": 5}
