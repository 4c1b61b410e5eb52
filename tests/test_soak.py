"""A long life: what requests leave behind, however they end, does not pile up."""

import gc
from random import Random

import gevent
import psutil
import pytest
from django.db import DatabaseError, InterfaceError
from support.waiting import eventually, join

AT_ONCE = 250


@pytest.mark.long
def test_nothing_piles_up(make_alias):
    alias = make_alias(maxsize=10, maxwait=30.0, expires=1, cleanup=0.5)
    random = Random(1)
    ends = set()

    def request(number):
        with gevent.Timeout(0.05 if number % 10 == 0 else None, False):
            try:
                alias.value("SELECT 1")
                if number % 50 == 0:
                    alias.value("SELECT pg_sleep(0.2)")
                if number % 70 == 0:
                    alias.value("SELECT set_config('application_name', 'left behind', false)")
                ends.add("answered")
            except (DatabaseError, InterfaceError) as error:
                ends.add(type(error))
            if number % 3:
                alias.close()
            return
        ends.add("timed out")

    def requests(number):
        for _ in range(number // AT_ONCE):
            greenlets = [gevent.spawn(request, one) for one in range(AT_ONCE)]
            gevent.sleep(0.02)
            for victim in random.sample(greenlets, 10):
                victim.kill(block=False)
            join(greenlets)
        gc.collect()
        return len(gc.get_objects()), psutil.Process().num_fds()

    objects, descriptors = requests(5_000)
    later_objects, later_descriptors = requests(20_000)
    assert {"answered", "timed out"} <= ends
    assert later_objects < objects + 1_000
    assert later_descriptors <= descriptors + alias.pool.maxsize
    eventually(lambda: alias.pool.snapshot().in_use == 0)
