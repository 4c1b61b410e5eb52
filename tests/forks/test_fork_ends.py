"""fork: how a child ends, and children of children."""

import pytest
from support.processes import DJANGO, PATCHED, run_python

HELPERS = """
import os, sys
from gevent.monkey import get_original

def pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]

def in_child(work, leave):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            leave(status)
    assert get_original("os", "waitpid")(child, 0)[1] == 0  # gevent's own may miss its end
"""
BOTH = pytest.mark.parametrize("patched", ["", PATCHED], ids=["threads", "gevent"])


@BOTH
@pytest.mark.parametrize("leave", ["os._exit", "sys.exit"])
def test_the_transaction_of_the_parent_survives_the_end_of_the_child(server, patched, leave):
    """sys.exit runs what is registered with atexit, and frees what the child inherited."""
    code = f"""
connection.set_autocommit(False)
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_current_xact_id()::text")
    transaction = cursor.fetchone()
parent = pid()

def work():
    connections.close_all()  # as Django's documentation asks of a child
    assert pid() != parent

in_child(work, {leave})
with connection.cursor() as cursor:
    cursor.execute("SELECT pg_current_xact_id()::text")
    assert cursor.fetchone() == transaction
connection.close()
"""
    run_python(patched + DJANGO + HELPERS + code).ok()


@BOTH
def test_children_of_children_have_sessions_of_their_own(server, patched):
    code = """
parent = pid()
connection.close()

def work():
    own = pid()
    connection.close()

    def inner():
        assert pid() not in (parent, own)

    in_child(inner, os._exit)
    assert pid() == own

for _ in range(2):
    in_child(work, os._exit)
assert pid() == parent
"""
    stays = '{"cleanup": 600}'
    run_python(patched + DJANGO + HELPERS + code, PGPOOL_TEST_OPTIONS=stays).ok()
