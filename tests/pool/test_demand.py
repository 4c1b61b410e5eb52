"""How many connections a load needs."""

from __future__ import annotations

import pytest

from django_pgpool.pool.demand import Demand, soon


def test_the_average_does_not_depend_on_when_one_looks() -> None:
    often, seldom = Demand(0.0, 2.0), Demand(0.0, 2.0)
    for tenth in range(1, 101):
        often.observe(tenth / 10, used=4 * tenth / 10)
    seldom.observe(10.0, used=40.0)
    assert often.connections == pytest.approx(seldom.connections)


def test_random_arrivals_of_a_load_need_its_square_root_more() -> None:
    demand = Demand(0.0, 1.0)
    assert demand.connections == 1
    demand.observe(100.0, used=400.0)
    assert demand.connections == pytest.approx(4 + 4 * 2 + 1)


def test_a_load_is_forgotten() -> None:
    demand = Demand(0.0, 1.0)
    demand.observe(100.0, used=400.0)
    demand.observe(101.0, used=400.0)
    assert 3 < demand.connections < 8
    demand.observe(150.0, used=400.0)
    assert demand.connections == pytest.approx(1)


def test_neither_a_clock_that_stands_nor_a_count_that_falls_does_harm() -> None:
    demand = Demand(0.0, 1.0)
    demand.observe(0.0, used=5.0)
    demand.observe(1.0, used=-5.0)
    assert demand.connections == 1


@pytest.mark.parametrize(
    ("cleanup", "seconds"), [(80.0, 10.0), (0.3, 0.1), (0.05, 0.05), (float("inf"), float("inf"))]
)
def test_soon_is_a_part_of_cleanup_but_no_spin(cleanup: float, seconds: float) -> None:
    assert soon(cleanup) == pytest.approx(seconds)
