"""A kill or a gevent.Timeout wherever a request switches to the hub, from its first to its last."""

import gevent
import pytest
from django.db import transaction
from shop.models import Item
from support.interrupting import interrupted_at_each_switch
from test_interrupts import usable


def transactions(alias):
    items = Item.objects.using(alias.name)
    with transaction.atomic(using=alias.name):
        items.create(name="one")
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias.name):
            items.create(name="never")
            raise ZeroDivisionError
        items.create(name="two")
        assert len(list(items.iterator(chunk_size=1))) == 2


def what_has_to_be_undone(alias):
    with alias.wrapper.cursor() as cursor:
        cursor.execute("SET shop.tenant = '7'")
    rows = Item.objects.using(alias.name).iterator(chunk_size=1)
    next(rows, None)  # a cursor at the server, left open


def without_autocommit(alias):
    alias.wrapper.set_autocommit(False)
    Item.objects.using(alias.name).create(name="rolled back")


@pytest.mark.parametrize("opens", [False, True], ids=["reused", "opened"])
@pytest.mark.parametrize("work", [transactions, what_has_to_be_undone, without_autocommit])
@pytest.mark.parametrize("reason", [gevent.GreenletExit, gevent.Timeout])
def test_it_loses_nothing_and_leaves_nothing(make_alias, work, opens, reason):
    alias = make_alias(maxsize=1, maxwait=20, cancel_timeout=20)

    def request():
        with alias.request():
            work(alias)

    if not opens:
        alias.ask("SELECT 1")
    for error in interrupted_at_each_switch(request, reason):
        assert error is None or type(error) is reason
        with alias.request():
            items = Item.objects.using(alias.name)
            assert items.count() in (0, 2)
            items.all().delete()
            assert alias.value("SELECT coalesce(current_setting('shop.tenant', true), '')") == ""
        usable(alias)
        if opens:
            alias.pool.drain()
