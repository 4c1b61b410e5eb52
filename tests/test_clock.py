"""The time of day may jump: nothing is measured by it."""

import time

import pytest
from support.waiting import join, running


@pytest.mark.parametrize("jump", [-1e6, 1e6])
def test_a_jump_of_the_time_of_day_changes_nothing(make_alias, monkeypatch, jump):
    alias = make_alias(maxsize=2, maxwait=20, expires=60, cleanup=20)
    true_time, ahead = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: true_time() + ahead[0])

    def visit():
        for _ in range(5):
            alias.ask("SELECT pg_sleep(0.005)")

    for ahead[0] in (0.0, jump, 0.0, -jump):
        with running(*[visit] * 6) as visitors:
            join(visitors)
    snapshot = alias.pool.snapshot()
    assert (snapshot.evictions, snapshot.exhausted) == ({}, 0)
    assert snapshot.openings <= 2
