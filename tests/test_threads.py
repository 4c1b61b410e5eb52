"""Plain threads without monkey patching: runserver, shell, migrate. In processes of their own."""

import json

import pytest
from support.processes import DJANGO, PATCHED, run_python
from support.waiting import Elapsed

HELPERS = """
import logging, threading, time
logging.getLogger("django_pgpool").setLevel("ERROR")  # unconfigured, it would warn on stderr
import psycopg2
from django.conf import settings
from django_pgpool import PoolExhausted, get_pool, stats

def query(statement="SELECT pg_sleep(0.005)"):
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]
    finally:
        connection.close()

def in_threads(count, work):
    errors = []
    def run():
        try:
            work()
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors

def wait_for(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "too late"
        time.sleep(0.005)
"""


def run(code, *, seconds=30, patched="", **options):
    options.setdefault("application_name", "pgpool_threads")
    return run_python(
        patched + DJANGO + HELPERS + code, PGPOOL_TEST_OPTIONS=json.dumps(options), seconds=seconds
    )


def test_thirty_threads_share_a_limit_of_five_which_the_server_confirms(server):
    code = """
import os
watcher = psycopg2.connect(os.environ["PGPOOL_TEST_DSN"], application_name="watcher")
watcher.autocommit = True
counts, done = [], threading.Event()

def watch():
    cursor = watcher.cursor()
    while not done.is_set():
        cursor.execute("SELECT count(*) FROM pg_stat_activity "
                       "WHERE application_name = 'pgpool_threads'")
        counts.append(cursor.fetchone()[0])

thread = threading.Thread(target=watch)
thread.start()
errors = in_threads(30, lambda: [query() for _ in range(20)])
done.set()
thread.join()
assert not errors, errors
numbers = get_pool().snapshot()
assert numbers.acquires == 600, numbers
assert numbers.waits > 0
assert numbers.in_use == numbers.waiting == 0
print(max(counts), numbers.size)
watcher.close()
"""
    most, size = map(int, run(code, maxsize=5, maxwait=20).ok().split())
    assert most == 5
    assert 1 <= size <= 5


def test_a_full_pool_raises_pool_exhausted_in_threads_too(server):
    code = """
connection.ensure_connection()
get_pool().maxwait = 0.1
errors = in_threads(3, query)
assert [type(error) for error in errors] == [PoolExhausted] * 3, errors
connection.close()
assert query("SELECT 1") == 1
assert get_pool().snapshot().exhausted == 3
"""
    run(code, maxsize=1, maxwait=20).ok()


def test_the_reaper_is_a_thread_that_closes_everything_without_traffic_and_then_ends(server):
    """That it is a daemon shows in the test after this one."""
    code = """
import sys

def threads():
    return len(sys._current_frames())

connection.ensure_connection()  # as long as it is held the reaper stays
in_threads(4, query)
assert get_pool().snapshot().openings > 1
wait_for(lambda: threads() == 2)
connection.close()
wait_for(lambda: get_pool().snapshot().size == 0)
wait_for(lambda: threads() == 1)  # an empty pool needs none
assert set(get_pool().snapshot().evictions) <= {"idle", "surplus"}
"""
    run(code, maxsize=5, cleanup=0.2).ok()


@pytest.mark.parametrize("patched", ["", PATCHED], ids=["threads", "gevent"])
@pytest.mark.parametrize("left", ["idle", "in use", "in a transaction", "with waiters"])
def test_the_interpreter_ends_at_once_and_without_a_word(server, patched, left):
    """With connections that would live for minutes."""
    code = {
        "idle": "query()",
        "in use": "connection.ensure_connection()",
        "in a transaction": """
connection.set_autocommit(False)
connection.cursor().execute("SELECT 1")
""",
        "with waiters": """
connection.ensure_connection()
threading.Thread(target=query, daemon=True).start()
wait_for(lambda: get_pool().snapshot().waiting)
""",
    }[left]
    with Elapsed() as elapsed:
        run(code, patched=patched, maxsize=1, maxwait=60, cleanup=60).ok()
    assert elapsed.seconds < 20


def test_a_killed_session_is_not_handed_out_in_threads_either(server):
    code = """
pid = query("SELECT pg_backend_pid()")
other = connection.copy()
other.settings_dict["OPTIONS"]["pool"] = False
with other.cursor() as cursor:
    cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
other.close()
assert query("SELECT pg_backend_pid()") != pid
assert get_pool().snapshot().evictions == {"broken": 1}
"""
    run(code, maxsize=1).ok()


def test_a_black_hole_costs_libpqs_connect_timeout_in_threads(server):
    """Nobody else can end that wait there; libpq takes 1 s for 2."""
    code = """
import socket
from django.db import OperationalError
hole = socket.create_server(("127.0.0.1", 0))
connections.databases["hole"] = {
    **connections.databases["default"],
    "HOST": "127.0.0.1", "PORT": hole.getsockname()[1], "OPTIONS": {"connect_timeout": 1},
}
started = time.monotonic()
try:
    connections["hole"].ensure_connection()
except OperationalError as error:
    assert not isinstance(error, PoolExhausted)
    print("timeout expired" in str(error), time.monotonic() - started < 8)
hole.close()
"""
    assert run(code).ok() == "True True\n"


def test_atomic_and_models_work_in_threads(server):
    code = """
from django.db import transaction
from shop.models import Item

def work():
    name = str(threading.get_ident())
    with transaction.atomic():
        Item.objects.create(name=name)
    assert Item.objects.filter(name=name).count() == 1
    Item.objects.filter(name=name).delete()
    connection.close()

errors = in_threads(10, work)
assert not errors, errors
"""
    run(code, maxsize=2, maxwait=20).ok()


def test_greenlets_of_a_thread_of_gevents_thread_pool_may_use_the_orm(server):
    code = """
import gevent
pool = gevent.get_hub().threadpool
results = [pool.spawn(query, "SELECT 1") for _ in range(20)]
assert [result.get(timeout=20) for result in results] == [1] * 20
assert get_pool().snapshot().in_use == 0
assert query("SELECT 1") == 1
"""
    run(code, patched=PATCHED, maxsize=3, maxwait=20).ok()
