"""What an operator reads when the pool is exhausted: whole messages."""

from __future__ import annotations

import pytest
from django.db.utils import OperationalError
from fakes import FULL, HELD, RESTARTING, DriverError, Outcome

from django_pgpool.exceptions import PoolClosed, PoolExhausted
from pool.conftest import Rig


def message(rig: Rig, maxwait: float | None = None) -> str:
    (waiter,) = rig.waiters(1, maxwait)
    rig.advance(30.0)
    assert type(waiter.error) is PoolExhausted
    return str(waiter.error)


def test_all_are_busy(rig: Rig) -> None:
    rig.build(name="shop", maxsize=2, maxwait=10.0)
    rig.fill(2)
    assert message(rig) == (
        "Pool 'shop': no connection within maxwait=10 s (waited 10.00 s). maxsize=2: in use 2, "
        "opening 0, idle 0; waiting 0. All connections are busy: hold them for less time, or raise "
        "OPTIONS['maxsize'] (within the server's max_connections) or OPTIONS['maxwait']."
    )


def test_others_are_still_waiting_and_one_is_closing(rig: Rig) -> None:
    pool = rig.build(name="shop", maxsize=2, maxwait=60.0)
    slots = rig.fill(2)
    rig.waiters(3)
    rig.driver.always("close", HELD)
    rig.driver.let_go(slots[0].connection)
    rig.go(pool.evict, slots[0], slots[0].lease)
    assert message(rig, 0.25) == (
        "Pool 'shop': no connection within maxwait=0.25 s (waited 0.25 s). maxsize=2: in use 1, "
        "opening 0, idle 0, closing 1; waiting 3. All connections are busy: hold them for less "
        "time, or raise OPTIONS['maxsize'] (within the server's max_connections) or "
        "OPTIONS['maxwait']."
    )


def test_the_server_has_refused(rig: Rig) -> None:
    rig.build(name="shop", maxsize=2, maxwait=1.5)
    rig.acquire()
    rig.driver.always("open", RESTARTING)
    assert message(rig) == (
        "Pool 'shop': no connection within maxwait=1.5 s (waited 1.50 s). maxsize=2: in use 1, "
        "opening 0, idle 0; waiting 0. The last attempt to open a connection failed: the database "
        "system is starting up. See to the server, the network and the connection's settings: "
        "`manage.py pgpool shop --probe` names the step that fails."
    )


def test_an_error_of_several_lines_becomes_one(rig: Rig) -> None:
    rig.build(name="shop", maxsize=2, maxwait=1.0)
    rig.acquire()
    error = Outcome(error=lambda: DriverError("FATAL:\n\tno\n"))
    rig.driver.is_transient = lambda error: True  # type: ignore[method-assign]
    rig.driver.always("open", error)
    assert " failed: FATAL: no. See to " in message(rig)


def test_the_server_is_full(rig: Rig) -> None:
    rig.build(name="shop", maxsize=2, maxwait=1.5)
    rig.acquire()
    rig.driver.always("open", FULL)
    assert message(rig).endswith(
        "The last attempt to open a connection failed: too many clients already. The server has no "
        "room for this pool's maxsize beside its other clients: `manage.py check --database shop` "
        "compares them."
    )


def test_closed(rig: Rig) -> None:
    pool = rig.build(name="shop")
    pool.close()
    with pytest.raises(PoolClosed) as caught:
        pool.acquire()
    assert str(caught.value) == (
        "Pool 'shop' is closed: it hands out nothing any more. Somebody has called its close(), or "
        "this process is ending. After connections['shop'].close_pool() the next query begins a "
        "new pool."
    )


def test_opening_takes_too_long(rig: Rig) -> None:
    rig.build(name="shop", maxsize=2, maxwait=1.5)
    rig.driver.always("open", HELD)
    assert message(rig) == (
        "Pool 'shop': no connection within maxwait=1.5 s (waited 1.50 s). maxsize=2: in use 0, "
        "opening 1, idle 0; waiting 0. Opening a connection takes too long: look at the server and "
        "the network, or raise OPTIONS['maxwait'] above OPTIONS['connect_timeout']."
    )


def test_one_is_waiting(rig: Rig) -> None:
    rig.build(name="shop", maxsize=1, maxwaiting=1)
    rig.acquire()
    rig.waiters(1)
    (waiter,) = rig.waiters(1)
    assert str(waiter.error).startswith("Pool 'shop': 1 caller is waiting already (maxwaiting=1).")


def test_too_many_are_waiting(rig: Rig) -> None:
    rig.build(name="shop", maxsize=1, maxwaiting=2)
    rig.acquire()
    rig.waiters(2)
    (waiter,) = rig.waiters(1)
    assert str(waiter.error) == (
        "Pool 'shop': 2 callers are waiting already (maxwaiting=2). maxsize=1: in use 1, opening "
        "0, idle 0; waiting 2. Hold connections for less time, or raise OPTIONS['maxsize'] (within "
        "the server's max_connections) or OPTIONS['maxwaiting']."
    )


@pytest.mark.parametrize("error", [PoolExhausted, PoolClosed])
def test_django_sees_operational_errors(error: type[Exception]) -> None:
    assert issubclass(error, OperationalError)
