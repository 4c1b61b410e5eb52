"""atomic() and a pool whose last connection is the one that fails."""

import contextlib

import gevent
import pytest
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    transaction,
)
from shop.models import Item
from support.driver import CLOSED
from support.waiting import Elapsed, eventually, join, running

from django_pgpool import PoolExhausted


def atomic(alias):
    return transaction.atomic(using=alias.name)


def kill_own_backend(alias):
    """The server ends the session: the next query fails."""
    alias.server.terminate(alias.wrapper.connection.info.backend_pid)


def in_use(alias):
    return alias.pool.snapshot().in_use


def test_close_inside_atomic_gives_the_slot_back(alias):
    with alias.request() as wrapper:
        with atomic(alias):
            Item.objects.using(alias.name).create(name="lost")
            wrapper.close()
            assert in_use(alias) == 0
            assert alias.states == ["idle"]
            with pytest.raises(ProgrammingError, match="Cannot open a new connection in an atomic"):
                alias.value("SELECT 1")
        assert wrapper.connection is None
        assert alias.value("SELECT count(*) FROM shop_item") == 0
        assert in_use(alias) == 1
    assert in_use(alias) == 0


def test_close_in_nested_atomic_blocks_gives_the_slot_back_once(alias):
    with alias.request() as wrapper:
        with pytest.raises(ZeroDivisionError), atomic(alias), atomic(alias):
            wrapper.close()
            raise ZeroDivisionError
        assert in_use(alias) == 0
        with atomic(alias), atomic(alias):
            assert alias.value("SELECT 1") == 1
    assert in_use(alias) == 0


def test_a_connection_that_dies_in_atomic_raises_the_drivers_error(alias):
    with alias.request(), pytest.raises((OperationalError, InterfaceError)) as caught:
        with atomic(alias):
            alias.value("SELECT 1")
            kill_own_backend(alias)
            alias.value("SELECT 1")
    assert not isinstance(caught.value, PoolExhausted)
    assert "terminating connection" in str(caught.value)
    assert in_use(alias) == 0


def test_the_real_error_survives_though_the_pool_of_one_is_taken_meanwhile(make_alias):
    """At the end of a broken block Django would open another connection, and wait for it: the pool
    is exhausted by then, and PoolExhausted would replace the error."""
    alias = make_alias(maxsize=1, maxwait=30.0)

    def hold():
        with alias.request():
            alias.value("SELECT 1")
            gevent.sleep(60)

    with alias.request(), Elapsed() as elapsed:
        alias.value("SELECT 1")
        with running(hold), pytest.raises(DatabaseError) as caught, atomic(alias):
            eventually(lambda: alias.pool.snapshot().waiting == 1)
            kill_own_backend(alias)
            alias.value("SELECT 1")
    assert "terminating connection" in str(caught.value)
    assert not isinstance(caught.value, PoolExhausted)
    assert elapsed.seconds < 10.0


@pytest.mark.parametrize("nested", [False, True])
def test_a_rollback_that_finds_the_connection_dead_does_not_hide_the_error(alias, nested):
    with alias.request():
        inner = atomic(alias) if nested else contextlib.nullcontext()
        with pytest.raises(ZeroDivisionError), atomic(alias), inner:
            alias.value("SELECT 1")
            kill_own_backend(alias)
            raise ZeroDivisionError
        assert alias.value("SELECT 1") == 1
    assert in_use(alias) == 0


def test_a_request_whose_last_connection_died_gets_another_one_at_once(make_alias):
    """Its own dead connection must not count while it asks for the next: that waits for ever."""
    alias = make_alias(maxsize=1, maxwait=20.0)
    with alias.request(), Elapsed() as elapsed:
        with pytest.raises(DatabaseError), atomic(alias):
            alias.value("SELECT 1")
            kill_own_backend(alias)
            alias.value("SELECT 1")
        assert alias.value("SELECT 1") == 1
        with atomic(alias):
            Item.objects.using(alias.name).create(name="after")
    assert elapsed.seconds < 10.0
    assert alias.server.execute("SELECT name FROM shop_item") == [("after",)]


def test_a_query_in_the_same_atomic_block_after_the_death_fails_and_does_not_wait(make_alias):
    alias = make_alias(maxsize=1, maxwait=20.0)
    with alias.request(), Elapsed() as elapsed:
        with pytest.raises(DatabaseError), atomic(alias):
            alias.value("SELECT 1")
            kill_own_backend(alias)
            with pytest.raises(DatabaseError, match="terminating connection"):
                alias.value("SELECT 1")
            with pytest.raises((InterfaceError, OperationalError), match=CLOSED):
                alias.value("SELECT 1")
            raise DatabaseError
        assert alias.value("SELECT 1") == 1
    assert elapsed.seconds < 10.0


def test_outside_of_atomic_the_query_after_a_death_gets_another_connection(alias):
    with alias.request():
        alias.value("SELECT 1")
        kill_own_backend(alias)
        with pytest.raises(DatabaseError, match="terminating connection"):
            alias.value("SELECT 1")
        assert alias.value("SELECT 1") == 1
        assert alias.pool.snapshot().size == 1


def test_in_a_manual_transaction_the_query_after_a_death_does_not_begin_another_one(alias):
    """The rest of a lost transaction must not be committed as if it were the whole."""
    with alias.request() as wrapper:
        wrapper.set_autocommit(False)
        Item.objects.using(alias.name).create(name="first half")
        kill_own_backend(alias)
        with pytest.raises(DatabaseError, match="terminating connection"):
            alias.value("SELECT 1")
        with pytest.raises((InterfaceError, OperationalError), match=CLOSED):
            alias.value("SELECT 1")
    assert alias.server.execute("SELECT name FROM shop_item") == []
    assert alias.ask("SELECT 1") == 1


def test_hooks_of_a_lost_transaction_do_not_run(alias):
    ran = []
    with alias.request():
        with pytest.raises(DatabaseError), atomic(alias):
            transaction.on_commit(lambda: ran.append("lost"), using=alias.name)
            kill_own_backend(alias)
            alias.value("SELECT 1")
        with atomic(alias):
            transaction.on_commit(lambda: ran.append("kept"), using=alias.name)
    assert ran == ["kept"]


def test_on_commit_hooks_may_use_the_database_in_a_pool_of_one(alias):
    seen = []
    with alias.request(), atomic(alias):
        Item.objects.using(alias.name).create(name="x")
        transaction.on_commit(
            lambda: seen.append(alias.value("SELECT count(*) FROM shop_item")), using=alias.name
        )
    assert seen == [1]


def test_transactions_of_many_greenlets_do_not_mix(make_alias):
    alias = make_alias(maxsize=4)

    def write(number):
        with alias.request(), contextlib.suppress(ZeroDivisionError), atomic(alias):
            Item.objects.using(alias.name).create(name=f"{number} a")
            alias.value("SELECT pg_sleep(0.001)")
            Item.objects.using(alias.name).create(name=f"{number} b")
            if number % 2:
                raise ZeroDivisionError

    with running(*[lambda number=number: write(number) for number in range(40)]) as greenlets:
        join(greenlets)
    names = {name for (name,) in alias.server.execute("SELECT name FROM shop_item")}
    assert names == {f"{number} {part}" for number in range(0, 40, 2) for part in "ab"}
    assert set(alias.states) == {"idle"}
