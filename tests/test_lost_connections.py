"""Whoever is killed in a statement, swallows that and lives on does not keep a slot without a
connection. gunicorn's greenlets do so while they wait for the client's next request."""

import gevent
import pytest
from django.db import transaction
from support.waiting import eventually, running


class Survivor:
    """A greenlet that runs ``work``, swallows what it is killed with, and lives on until it is told
    to use the database again."""

    def __init__(self, alias, work):
        self.alias = alias
        self.work = work
        self.goes_on = gevent.event.Event()
        self.swallowed = []
        self.found = []

    def __call__(self):
        try:
            self.work()
        except (gevent.GreenletExit, gevent.Timeout) as death:
            self.swallowed.append(type(death).__name__)
        self.goes_on.wait()
        self.found.append(self.alias.value("SELECT 1"))
        self.alias.wrapper.close()


def in_transaction(alias):
    with transaction.atomic(using=alias.name):
        alias.value("SELECT pg_sleep(60)")


@pytest.mark.parametrize("work", [lambda alias: alias.value("SELECT pg_sleep(60)"), in_transaction])
def test_its_slot_is_free_at_once(alias, work):
    survivor = Survivor(alias, lambda: work(alias))
    with running(survivor) as (greenlet,):
        eventually(lambda: alias.states == ["active"])
        greenlet.kill(block=False)
        assert alias.ask("SELECT 1") == 1, "somebody else gets the only slot"
        assert survivor.swallowed == ["GreenletExit"]
        assert not greenlet.dead
        survivor.goes_on.set()
        greenlet.join(20)
        assert survivor.found == [1], "it can use the database again"
    snapshot = alias.pool.snapshot()
    assert (snapshot.in_use, snapshot.reclaimed) == (0, 0)
    assert snapshot.evictions["broken"] == 1


def test_a_cleanup_that_is_killed_is_given_back_once(alias):
    """What is being released sees to it by itself."""
    survivor = Survivor(alias, lambda: None)

    def work():
        alias.value("SELECT set_config('work_mem', '8MB', false)")
        alias.wrapper.connection.restore = "SELECT pg_sleep(60)"
        alias.wrapper.close()

    survivor.work = work
    with running(survivor) as (greenlet,):
        eventually(lambda: alias.states == ["active"])
        greenlet.kill(block=False)
        assert alias.ask("SELECT 1") == 1
        survivor.goes_on.set()
        greenlet.join(20)
        assert survivor.found == [1]
    assert alias.pool.snapshot().in_use == 0
