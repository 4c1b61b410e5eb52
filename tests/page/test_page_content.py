"""What the operator's page is made of."""

from dataclasses import fields

import gevent
import pytest
from support.waiting import eventually, running

from django_pgpool.options import PoolOptions
from django_pgpool.page import charts, content, sampler
from django_pgpool.page.holders import UNSEEN, holders
from django_pgpool.page.meanings import MEANINGS
from django_pgpool.pool import Pool, Reason
from django_pgpool.pool.timed import TimedPool


@pytest.fixture
def quick(monkeypatch):
    """A sampler of our own that takes a sample each 20 ms."""
    monkeypatch.setattr(sampler, "EVERY", 0.02)
    monkeypatch.setattr(sampler, "_sampler", None)
    yield sampler
    monkeypatch.setattr(sampler, "UNTIL", 0.0)
    eventually(lambda: sampler._sampler._reaper._current is None)


@pytest.fixture
def brief(quick, monkeypatch):
    """... and ends soon after the last look."""
    monkeypatch.setattr(sampler, "UNTIL", 0.1)
    return quick


def panel(alias):
    """The page's panel of this alias."""
    (found,) = (one for one in content.panels(stacks=False) if one.alias == alias.name)
    return found


def test_every_option_and_reason_has_its_meaning():
    assert list(MEANINGS) == [field.name for field in fields(PoolOptions)]
    assert content.REASONS.keys() == set(Reason)


def test_nothing_is_measured_unless_somebody_looks(alias, brief):
    alias.ask("SELECT 1")
    assert type(alias.pool) is Pool
    brief.look()
    assert type(alias.pool) is TimedPool
    alias.ask("SELECT 1")
    eventually(lambda: type(alias.pool) is Pool, "a while after the last look it ends")
    assert brief._sampler._histories == {}
    assert brief._sampler._reaper._current is None
    alias.ask("SELECT 1")


def test_who_acquired_while_somebody_looked_may_release_when_nobody_does(alias, brief):
    alias.ask("SELECT 1")
    brief.look()
    alias.wrapper.ensure_connection()
    assert type(alias.pool) is TimedPool
    waiting = gevent.spawn(alias.ask, "SELECT 1")
    eventually(lambda: alias.pool.snapshot().waiting == 1)
    eventually(lambda: type(alias.pool) is Pool)
    alias.close()
    assert waiting.get(timeout=10) == 1


def test_samples_tell_how_long_callers_waited_and_held(alias, quick):
    assert alias.pool in quick.look()

    def ask():
        with alias.request() as wrapper:
            wrapper.ensure_connection()
            gevent.sleep(0.03)

    gevent.joinall([gevent.spawn(ask) for _ in range(3)], raise_error=True)

    def of(kind):
        samples = quick.look()[alias.pool]
        return [q for sample in samples if (q := getattr(sample, kind)) is not None]

    eventually(lambda: sum(quantiles.number for quantiles in of("use")) == 3)
    assert sum(quantiles.number for quantiles in of("wait")) == 3
    assert all(0.03 <= q.p50 <= q.p99 <= q.max < 5 for q in of("use"))
    assert max(q.max for q in of("wait")) >= 0.05  # the third


def test_holders_by_the_time_they_hold(make_alias):
    alias = make_alias(maxsize=3)

    def first_holder():
        alias.wrapper.ensure_connection()
        gevent.sleep(60)

    with running(first_holder):
        eventually(lambda: alias.pool.snapshot().in_use == 1)
        with alias.request() as wrapper:
            wrapper.ensure_connection()
            slot = alias.pool.acquire()
            first, second, third = holders(alias.pool, stacks=True)
            alias.pool.release(slot, slot.lease)
    assert first.doing.endswith("first_holder")
    assert "in first_holder" in first.stack
    assert "gevent.sleep(60)" in first.stack
    assert "test_holders_by_the_time_they_hold" in second.stack
    assert (third.doing, third.stack) == (UNSEEN, None)
    assert first.seconds >= second.seconds >= third.seconds
    eventually(lambda: holders(alias.pool, stacks=False) == [])


def test_a_wall_clock_that_is_set_moves_nothing(alias, quick, monkeypatch):
    alias.ask("SELECT 1")
    panel(alias)
    eventually(lambda: len(quick.look()[alias.pool]) > 3)
    samples = quick.look()[alias.pool]
    monkeypatch.setattr(charts, "time", lambda: 7200.0)
    monkeypatch.setattr(charts, "monotonic", lambda: samples[-1].at + 1)
    assert charts._xs(samples) == sorted(charts._xs(samples))
    assert all(0 <= x <= charts.WIDTH for x in charts._xs(samples))
    assert charts.clock(samples[-1].at) == "01:59:59"


def test_advice_names_what_to_look_at(make_alias, quick):
    alias = make_alias(maxsize=1)
    alias.ask("SELECT 1")
    assert panel(alias).advice == []
    assert panel(alias).state == "well"
    with alias.request() as wrapper:
        wrapper.ensure_connection()
        alias.pool.maxwait = 0.05
        refused = gevent.spawn(alias.ask, "SELECT 1")
        refused.join()
        assert refused.exception is not None
        found = panel(alias)
    refused = None
    assert found.state == "requests got PoolExhausted"
    assert found.advice[0].startswith("Requests that got PoolExhausted: 1.")
    alias.pool.resize(3)
    assert panel(alias).advice[-1].startswith("maxsize was changed from 1 to 3 in this process.")
    assert panel(alias).settings[0][1:3] == ("3", "resized; OPTIONS: 1")


def test_a_setting_that_was_given_is_not_said_to_be_a_default(make_alias, quick):
    alias = make_alias(maxsize=PoolOptions().maxsize)
    alias.ask("SELECT 1")
    origins = {setting.name: setting.origin for setting in panel(alias).settings}
    assert (origins["maxsize"], origins["minsize"]) == ("OPTIONS", "default")
