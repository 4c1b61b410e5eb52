"""ORM use outside requests, with connections that come back early."""

import gevent
import pytest
from django.core.signals import request_finished
from django.db import close_old_connections, transaction
from support.waiting import eventually

from django_pgpool.greenlets import database_session, database_task, release_connections


def in_use(*aliases):
    return [alias.pool.snapshot().in_use for alias in aliases]


@pytest.fixture
def two(make_alias):
    return make_alias(maxsize=1), make_alias(maxsize=1)


def test_a_session_gives_back_the_connections_of_all_aliases(two):
    with database_session():
        for alias in two:
            alias.value("SELECT 1")
        assert in_use(*two) == [1, 1]
    assert in_use(*two) == [0, 0]


@pytest.mark.parametrize("ends", ["returns", "fails", "is killed"])
def test_a_task_gives_them_back_while_its_greenlet_lives_on(two, ends):
    @database_task
    def task():
        for alias in two:
            alias.value("SELECT 1")
        if ends == "fails":
            raise ZeroDivisionError
        if ends == "is killed":
            gevent.getcurrent().throw(gevent.GreenletExit)
        return "done"

    def lives_on():
        try:
            outcomes.append(task())
        except (ZeroDivisionError, gevent.GreenletExit) as error:
            outcomes.append(type(error).__name__)
        gevent.sleep(60)

    outcomes = []
    greenlet = gevent.spawn(lives_on)
    eventually(lambda: outcomes)
    assert outcomes[0] in ("done", "ZeroDivisionError", "GreenletExit")
    assert in_use(*two) == [0, 0]
    assert not greenlet.dead
    greenlet.kill()
    assert [alias.pool.snapshot().reclaimed for alias in two] == [0, 0]


def test_a_task_keeps_name_arguments_and_value(alias):
    @database_task
    def add(one, *, two):
        """Adds."""
        return alias.value("SELECT %s + %s", one, two)

    assert add(1, two=2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Adds.")


def test_a_transaction_under_way_keeps_its_connection(alias):
    with transaction.atomic(using=alias.name):
        pid = alias.pid()
        with database_session():
            assert alias.pid() == pid
        assert alias.pid() == pid
    release_connections()
    assert in_use(alias) == [0]


def test_a_session_does_not_tell_others_that_a_request_has_finished(alias):
    heard = []
    request_finished.connect(heard.append, weak=False, dispatch_uid="heard")
    try:
        with database_session():
            alias.value("SELECT 1")
    finally:
        request_finished.disconnect(dispatch_uid="heard")
    assert in_use(alias) == [0]
    assert heard == []


def test_one_that_cannot_be_closed_does_not_keep_the_others(two, monkeypatch):
    first, second = two
    for alias in two:
        alias.value("SELECT 1")

    def refuse():
        raise ZeroDivisionError

    monkeypatch.setattr(first.wrapper, "close", refuse)
    with pytest.raises(ZeroDivisionError):
        release_connections()
    assert in_use(second) == [0]


@pytest.mark.parametrize("end", [close_old_connections, lambda: request_finished.send(None)])
def test_djangos_own_ways_go_on_working(alias, end):
    alias.value("SELECT 1")
    end()
    assert in_use(alias) == [0]
