"""What a failing server costs: whose error it is, and how often it is asked again."""

from __future__ import annotations

import gc
import weakref
from random import Random

from fakes import (
    FAILS,
    FULL,
    RESTARTING,
    DriverError,
    FakeConnection,
    Outcome,
    ServerFull,
    ServerRestarting,
    slow,
)

from django_pgpool.exceptions import PoolExhausted
from django_pgpool.pool.growth import BACKOFF_MAX, FIRST, PATIENCE, Growth
from pool.conftest import Rig

OUTAGE = Outcome(0.01, error=lambda: DriverError("connection refused"))


def test_one_failed_opening_fails_one_waiter_with_the_drivers_own_error(rig: Rig) -> None:
    rig.build()
    rig.driver.script("open", FAILS)
    waiters = rig.waiters(3)
    assert [type(waiter.error) for waiter in waiters] == [DriverError, type(None), type(None)]
    assert str(waiters[0].error) == "connection refused"
    rig.advance(1.0)
    assert all(waiter.done and not waiter.error for waiter in waiters[1:])


def test_a_failure_that_will_pass_costs_nobody_an_error_while_something_is_in_use(rig: Rig) -> None:
    rig.build(maxwait=5.0)
    slot = rig.acquire()
    rig.driver.always("open", FULL)
    waiters = rig.waiters(3)
    rig.advance(3.0)
    assert not any(waiter.done for waiter in waiters)
    for waiter in waiters:
        rig.release(slot)
        assert waiter.get() is slot
        rig.driver.hold(slot.connection)


def test_maxwait_still_ends_that_and_names_the_last_error_as_the_cause(rig: Rig) -> None:
    rig.build(maxwait=5.0)
    rig.acquire()
    rig.driver.always("open", FULL)
    (waiter,) = rig.waiters(1)
    rig.advance(5.1)
    assert isinstance(waiter.error, PoolExhausted)
    assert isinstance(waiter.error.__cause__, ServerFull)


def test_a_server_that_restarts_is_waited_for_a_moment(rig: Rig) -> None:
    rig.build()
    rig.evict(rig.acquire())
    rig.driver.always("open", RESTARTING)
    waiters = rig.waiters(3)
    rig.advance(0.5)
    assert not any(waiter.done for waiter in waiters)
    rig.driver.always("open", slow(0.01))
    rig.advance(1.0)
    assert all(waiter.get() for waiter in waiters)


def test_a_server_that_does_not_come_back_is_not_waited_for(rig: Rig) -> None:
    rig.build(maxwait=60.0)
    rig.evict(rig.acquire())
    rig.driver.always("open", RESTARTING)
    waiters = rig.waiters(3)
    rig.advance(3 * PATIENCE)
    assert [type(waiter.error) for waiter in waiters] == [ServerRestarting] * 3


def test_a_full_server_is_not_waited_for_while_nothing_is_in_use(rig: Rig) -> None:
    rig.build()
    rig.evict(rig.acquire())
    rig.driver.always("open", FULL)
    (waiter,) = rig.waiters(1)
    assert isinstance(waiter.error, ServerFull)


def test_in_an_outage_later_requests_fail_fast_with_the_real_error(rig: Rig) -> None:
    rig.build(maxwait=30.0)
    rig.driver.always("open", OUTAGE)
    rig.waiters(1)
    rig.advance(1.0)
    slowest = 0.0
    for _ in range(200):
        started = rig.simulation.now
        (waiter,) = rig.waiters(1)
        while not waiter.done:
            rig.advance(0.005)
        slowest = max(slowest, rig.simulation.now - started)
        assert isinstance(waiter.error, DriverError)
        rig.advance(0.1)
    assert slowest < 0.1


def test_attempts_during_an_outage_are_few_and_never_more_than_one_at_a_time(rig: Rig) -> None:
    rig.build(maxsize=20)
    rig.driver.always("open", OUTAGE)
    rig.waiters(3)
    rig.advance(0.1)  # who finds the server down
    rig.driver.most = 0
    for _ in range(600):  # 30 requests per second, for a minute
        rig.waiters(3)
        rig.advance(0.1)
    assert 10 < rig.driver.calls["open"] <= 130
    assert rig.driver.most == 1


def test_a_quiet_moment_in_an_outage_allows_no_more_attempts_at_a_time() -> None:
    growth = Growth(Random(1))
    growth.failed(100.0, DriverError(), brief=False)
    growth.begin_anew()
    assert growth.allowed(growth.retry_at, opening=0) == 1


def test_no_attempt_is_made_for_nobody(rig: Rig) -> None:
    rig.build()
    rig.driver.always("open", OUTAGE)
    rig.waiters(1)
    rig.advance(600.0)
    assert rig.driver.calls["open"] == 1


def test_pauses_between_attempts_double_have_jitter_and_a_limit() -> None:
    pauses = []
    for seed in range(50):
        growth, now, own = Growth(Random(seed)), 100.0, []
        for _ in range(12):
            growth.failed(now, DriverError(), brief=False)
            own.append(growth.retry_at - now)
            now = growth.retry_at
        pauses.append(own)
    assert len({own[0] for own in pauses}) == 50
    for own in pauses:
        assert 0.05 <= own[0] <= 0.1
        assert own[3] > own[0]
        assert max(own) <= BACKOFF_MAX
        assert min(own[-3:]) >= BACKOFF_MAX / 2


def test_openings_that_fail_together_count_as_one_step_of_the_back_off() -> None:
    growth = Growth(Random(1))
    for _ in range(10):
        growth.failed(100.0, DriverError(), brief=False)
    assert growth.failures == 1
    assert growth.retry_at <= 100.1


def test_the_first_success_ends_the_back_off(rig: Rig) -> None:
    rig.build(maxsize=10)
    rig.driver.always("open", OUTAGE)
    for _ in range(100):
        rig.waiters(1)
        rig.advance(0.2)
    assert rig.numbers.last_error == "connection refused"
    rig.driver.always("open", slow(0.01))
    rig.advance(BACKOFF_MAX)
    waiters = rig.waiters(10)
    rig.advance(0.5)
    assert all(waiter.get() for waiter in waiters)
    assert rig.numbers.last_error is None


def test_after_a_success_nothing_of_the_back_off_is_left() -> None:
    growth = Growth(Random(1))
    now = 100.0
    for _ in range(8):
        growth.failed(now, DriverError(), brief=False)
        now = growth.retry_at
    growth.failed(now, DriverError(), brief=False)
    assert growth.allowed(now, opening=0) == 0
    growth.succeeded(0.1, wanted=0)
    assert growth.allowed(now, opening=0) == FIRST
    assert not growth.hopeless(now)
    growth.failed(now, DriverError(), brief=False)
    assert growth.retry_at - now <= 0.1


def test_every_caller_gets_an_exception_of_its_own(rig: Rig) -> None:
    rig.build()
    rig.driver.always("open", OUTAGE)
    waiters = rig.waiters(5)
    rig.advance(2.0)
    errors = [waiter.error for waiter in waiters]
    assert len({id(error) for error in errors}) == 5
    assert {str(error) for error in errors} == {"connection refused"}


def test_a_failed_opening_keeps_nothing_of_the_half_made_connection_alive(rig: Rig) -> None:
    rig.build()
    halves: list[weakref.ref[FakeConnection]] = []

    def fail() -> BaseException:
        half = FakeConnection(0)
        halves.append(weakref.ref(half))
        try:
            try:
                assert half.is_open
                raise OSError("reset by peer")
            except OSError as error:
                raise DriverError("half way") from error
        except DriverError as error:
            return error

    rig.driver.script("open", Outcome(error=fail))
    gc.collect()
    gc.disable()
    try:
        (waiter,) = rig.waiters(1)
        assert str(waiter.error) == "half way"
        assert halves[0]() is None
    finally:
        gc.enable()


def test_a_connection_that_cannot_be_probed_is_closed_and_counts_as_a_failure(rig: Rig) -> None:
    rig.build()
    rig.driver.script("probe", FAILS)
    (waiter,) = rig.waiters(1)
    assert isinstance(waiter.error, DriverError)
    assert not rig.driver.server
    assert rig.numbers.size == 0
    assert rig.numbers.open_failures == 1


def test_minsize_is_refilled_after_an_outage_without_any_traffic(rig: Rig) -> None:
    rig.build(minsize=2)
    rig.release(*rig.fill(2))
    rig.driver.always("open", OUTAGE)
    rig.run(rig.pool.drain)
    rig.advance(60.0)
    assert rig.numbers.size == 0
    assert rig.driver.calls["open"] <= 130
    rig.driver.always("open", slow(0.01))
    rig.advance(2 * BACKOFF_MAX)
    assert rig.numbers.idle == 2
