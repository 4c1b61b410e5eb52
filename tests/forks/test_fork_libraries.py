"""fork, as the standard library does it: both sides go on, each with its own sessions."""

import pytest
from support.processes import DJANGO, PATCHED, run_python

HELPERS = """
import multiprocessing, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
import django_pgpool
fork = multiprocessing.get_context("fork")

def pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]

def work(parent):
    assert pid() != parent
    own = pid()
    connection.close()
    assert pid() == own, "its pool keeps it"
    return own

before = pid()
if not HELD:
    connection.close()
"""
AFTER = """
assert pid() == before, "the parent's session lives"
print("both")
"""
PROCESS = """
child = fork.Process(target=work, args=(before,))
child.start()
child.join(15)
assert child.exitcode == 0, child.exitcode
"""
EXECUTOR = """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2, mp_context=fork) as executor:
    owns = list(executor.map(work, [before] * 6))
assert 1 <= len(set(owns)) <= 2
"""


@pytest.mark.parametrize(
    ("patching", "code", "held"),
    [("", PROCESS, True), (PATCHED, PROCESS, True), ("", EXECUTOR, False)],
    ids=["Process", "Process, gevent", "ProcessPoolExecutor"],
)
def test_the_standard_library(server, patching, code, held):
    program = f"{patching}{DJANGO}HELD = {held}\n{HELPERS}{code}{AFTER}"
    stays = '{"cleanup": 600}'
    assert run_python(program, PGPOOL_TEST_OPTIONS=stays).ok() == "both\n"
