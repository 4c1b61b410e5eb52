"""The time of day may jump: nothing is measured by it."""

import json

from support.processes import DJANGO, PATCHED, run_python

JUMPING = """
import time
from itertools import cycle
true_time, jumps = time.time, cycle((0.0, -1e6, 1e6))
time.time = lambda: true_time() + next(jumps)  # before anybody imports it by its name
"""
VISITS = """
import gevent
from django_pgpool import get_pool

def visit():
    for _ in range(5):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.005)")
        connection.close()

gevent.joinall([gevent.spawn(visit) for _ in range(6)], raise_error=True)
snapshot = get_pool("default").snapshot()
print(snapshot.evictions, snapshot.exhausted, snapshot.openings)
"""


def test_jumps_of_the_time_of_day_change_nothing(server):
    options = {"maxsize": 2, "maxwait": 20, "expires": 60, "cleanup": 20}
    program = f"{JUMPING}{PATCHED}{DJANGO}{VISITS}"
    said = run_python(program, PGPOOL_TEST_OPTIONS=json.dumps(options)).ok()
    assert said in ("{} 0 1\n", "{} 0 2\n")
