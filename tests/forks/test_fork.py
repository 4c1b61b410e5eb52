"""The child of a fork lets go of the parent's connections without a word; both go on."""

import pytest
from support.processes import DJANGO, PATCHED, run_python

FORK = """
import os, sys
import django_pgpool
from gevent.monkey import get_original

# gevent's own can wait for ever for a child that has ended before it was watched.
waitpid = get_original("os", "waitpid")

def pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]

def child(work):
    process = os.fork()
    if not process:
        try:
            work()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    _, status = waitpid(process, 0)
    print("child", os.waitstatus_to_exitcode(status))
"""


SOCKETS = """
def sockets():
    described = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            described.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:  # that of the list itself
            pass
    return {one for one in described if one.startswith("socket:")}
"""


def said(code, patching=PATCHED, **env):
    """The words of a program that forks with ``child(work)``."""
    return run_python(patching + DJANGO + FORK + code, **env).ok().split()


@pytest.mark.parametrize("patching", [PATCHED, ""], ids=["gevent", "threads"])
@pytest.mark.parametrize("held", [True, False], ids=["in use", "idle"])
def test_both_run_on(server, patching, held):
    code = f"""
first = pid()
if not {held}:
    connection.close()
def work():
    assert pid() != first
    connection.close()
    assert [s.in_use for s in django_pgpool.stats()] == [0]
child(work)
assert pid() == first, "the parent's session lives"
connection.close()
assert [(s.in_use, s.openings) for s in django_pgpool.stats()] == [(0, 1)]
print("parent")
"""
    stays = '{"cleanup": 600}'
    assert said(code, patching, PGPOOL_TEST_OPTIONS=stays) == ["child", "0", "parent"]


def test_a_connection_of_a_pool_that_was_replaced_stays_the_parents_too(server):
    code = """
from django.db import connections
first = pid()
old = connection.pgpool
connections.databases["default"]["OPTIONS"]["application_name"] = "changed"
assert connection.pgpool is not old
def work():
    assert pid() != first
child(work)
assert pid() == first
print("parent")
"""
    assert said(code) == ["child", "0", "parent"]


def test_a_child_that_ends_at_once_leaves_the_parents_session_alone(server):
    code = """
first = pid()
def work():
    import gc
    from django.db import connections
    connections["default"].close()
    gc.collect()
child(work)
assert pid() == first
print("parent")
"""
    assert said(code) == ["child", "0", "parent"]


def test_openings_that_are_under_way_stay_the_parents(server):
    """Their greenlets live on in the child. One has begun a turn of the hub after the other."""
    code = """
import gevent
from django.db import connections
before = sockets()
def opened(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
    return connections[alias].pgpool.snapshot().open_failures
openings = []
for number in range(12):
    connections.databases[f"db{number}"] = connections.databases["default"]
    openings.append(gevent.spawn(opened, f"db{number}"))
    gevent.sleep(0)
assert len([s for s in django_pgpool.stats() if s.opening]) > 2
def work():
    assert sockets() == before
    gevent.sleep(0.3)
child(work)
assert [opening.get(timeout=15) for opening in openings] == [0] * 12
print("parent")
"""
    limits = '{"connect_timeout": 20, "maxwait": 30}'
    assert said(SOCKETS + code, PGPOOL_TEST_OPTIONS=limits) == ["child", "0", "parent"]


def test_no_collection_of_garbage_comes_before_the_child_has_let_go(server):
    code = """
import gc
from django_pgpool.pool.pool import Pool
before = sockets()
pid()
connection.close()
forget = Pool.forget
def forget_and_collect(pool):
    forget(pool)
    gc.collect()
Pool.forget = forget_and_collect
def work():
    assert sockets() == before
child(work)
"""
    stays = '{"cleanup": 600}'
    assert said(SOCKETS + code, PGPOOL_TEST_OPTIONS=stays) == ["child", "0"]


def test_the_childs_pool_starts_empty_and_has_its_own_limit(server):
    code = """
first = pid()
def work():
    assert django_pgpool.stats() == ()
    pid()
    assert [s.size for s in django_pgpool.stats()] == [1]
    connection.close()
child(work)
"""
    limits = '{"maxsize": 1, "maxwait": 20}'
    assert said(code, PGPOOL_TEST_OPTIONS=limits) == ["child", "0"]


def test_the_parents_end_is_noticed_by_the_server_while_the_child_lives(server):
    """The child must not hold the parent's sockets open."""
    code = """
import time
connection.ensure_connection()
descriptor = connection.connection.fileno()
def work():
    assert os.readlink(f"/proc/self/fd/{descriptor}") == os.devnull
child(work)
"""
    assert said(code) == ["child", "0"]


def test_a_greenlet_that_is_killed_in_the_child_cancels_nothing_of_the_parents(server):
    """The greenlets of the parent live on in the child, in the midst of their statements."""
    code = """
import gevent
from django_pgpool.drivers.dbapi import ACTIVE
used = []
lock = connection.cursor()
lock.execute("SELECT pg_advisory_lock(7)")
def statement():
    connection.ensure_connection()
    used.append(connection.connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7)")
    connection.close()
    return "done"
other = gevent.spawn(statement)
while not used or used[0].get_transaction_status() != ACTIVE:
    gevent.sleep(0.005)
def work():
    other.kill(timeout=10)
    assert other.dead
child(work)
lock.execute("SELECT pg_advisory_unlock(7)")
print(other.get())
"""
    assert said(code) == ["child", "0", "done"]


OTHER_THREAD = """
import time, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
sleep = get_original("time", "sleep")
said, forked = [], []

def transaction():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        said.append(cursor.fetchone()[0])

def other():
    connection.set_autocommit(False)
    transaction()
    while not forked:
        sleep(0.01)
    transaction()
    connection.close()

def until(count):
    deadline = time.monotonic() + 10
    while len(said) < count and time.monotonic() < deadline:
        sleep(0.01)

get_original("_thread", "start_new_thread")(other, ())
until(1)
def work():
    sleep(0.2)
    assert not django_pgpool.stats()
child(work)
forked.append(True)
until(2)
print(len(said), len(set(said)))
"""


@pytest.mark.parametrize("patching", [PATCHED, ""], ids=["gevent", "threads"])
def test_what_another_thread_of_the_parent_holds_is_left_alone(server, patching):
    """In the child that thread comes to its end, before any code of ours runs there."""
    assert said(OTHER_THREAD, patching) == ["child", "0", "2", "1"]
