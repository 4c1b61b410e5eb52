"""Which driver, and whether gevent has patched the process in time."""

import pytest
from support.driver import only_psycopg2
from support.processes import DJANGO, OTHERS_RUN, PATCHED, run_python

TOO_LATE = (
    "django.core.exceptions.ImproperlyConfigured: gevent has patched this process after django.db "
    "was imported: all greenlets would share one database connection. "
)
SOCKETS_ONLY = (
    "django.core.exceptions.ImproperlyConfigured: gevent has patched sockets but not threads: all "
    "greenlets would share one database connection. "
)
FIX = (
    "Call gevent.monkey.patch_all() before anything else is imported: first thing in the program, "
    "or in gunicorn's configuration file (with `gunicorn -k gevent` and without --preload gunicorn "
    "does it by itself, as long as the configuration file does not import Django)."
)

QUERY = """
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
"""

FAKE_PSYCOPG_3 = '''
"""Django looks for psycopg 3 first. This has whatever name it asks for."""
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

class Anything(type):
    def __new__(cls, name, bases=(), namespace=None):
        accepting = {"__init__": lambda self, *args, **kwargs: None, "oid": 0}
        return super().__new__(cls, name, bases, {**accepting, **(namespace or {})})
    def __init__(cls, *args):
        pass
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name)
    def __getitem__(cls, name):
        return Anything(name)

class Fake(ModuleType):
    __path__ = []
    __version__ = "3.1.20"
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("BaseDumper", "IsolationLevel"):
            return type(name, (), {})
        return Anything(name, (Exception,) if name.endswith("Error") else ())

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "psycopg":
            return ModuleSpec(name, self, is_package=True)
    def create_module(self, spec):
        return Fake(spec.name)
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Finder())
'''


def test_with_an_older_psycopg_3_the_engine_stops_with_a_clear_error():
    done = run_python(
        FAKE_PSYCOPG_3
        + """
from django.db.backends.postgresql.psycopg_any import is_psycopg3
assert is_psycopg3
import django_pgpool.base
"""
    )
    assert done.last_error == (
        "django.core.exceptions.ImproperlyConfigured: The engine django_pgpool needs psycopg 3.2 "
        "or newer: pip install 'django_pgpool[psycopg]'. (Without the package psycopg Django uses "
        "psycopg2.)"
    )


def test_patched_after_django_db_was_imported_is_a_loud_error(server):
    done = run_python("import django.db\n" + PATCHED + DJANGO + QUERY)
    assert done.last_error == TOO_LATE + FIX


def test_patched_after_a_query_is_a_loud_error_for_whoever_comes_next(server):
    """Django sees it before us: the wrapper believes to be in another thread."""
    done = run_python(DJANGO + QUERY + "connection.close()\n" + PATCHED + QUERY)
    assert "DatabaseWrapper objects created in a thread can only be used in" in done.last_error
    another = "connection.copy().ensure_connection()"
    done = run_python(DJANGO + QUERY + PATCHED + another)
    assert done.last_error == TOO_LATE + FIX


def test_patched_too_late_is_an_error_without_pooling_too(server):
    done = run_python(
        "import django.db\n" + PATCHED + DJANGO + QUERY, PGPOOL_TEST_OPTIONS='{"pool": false}'
    )
    assert done.last_error == TOO_LATE + FIX


@pytest.mark.parametrize("call", ["patch_socket()", "patch_all(thread=False)"])
def test_patched_sockets_without_threads_are_a_loud_error(server, call):
    done = run_python(f"from gevent import monkey; monkey.{call}\n" + DJANGO + QUERY)
    assert done.last_error == SOCKETS_ONLY + FIX


def test_patched_in_time_nothing_complains(server):
    assert run_python(PATCHED + DJANGO + QUERY).ok() == ""


@only_psycopg2("psycopg has no wait callback; see test_psycopg_waiting")
def test_without_patching_nothing_complains_and_psycopg2_is_not_made_green(server):
    code = "\nfrom psycopg2.extensions import get_wait_callback\nprint(get_wait_callback())"
    assert run_python(DJANGO + QUERY + code).ok() == "None\n"


CALLBACKS = "from psycopg2.extensions import get_wait_callback, set_wait_callback\n"


@only_psycopg2("psycopg has no wait callback; see test_psycopg_waiting")
@pytest.mark.parametrize("options", ["{}", '{"pool": false}'], ids=["pooled", "unpooled"])
def test_the_engine_makes_psycopg2_green_itself(server, options):
    code = """
assert get_wait_callback() is None
connection.ensure_connection()
assert get_wait_callback() is not None
others_run()
"""
    run_python(PATCHED + DJANGO + CALLBACKS + OTHERS_RUN + code, PGPOOL_TEST_OPTIONS=options).ok()


@pytest.mark.parametrize("when", ["before", "after"])
def test_patch_psycopg_in_post_fork_does_no_harm(server, when):
    post_fork = "from psycogreen.gevent import patch_psycopg; patch_psycopg()\n"
    check = OTHERS_RUN + "others_run()\n"
    first, second = (post_fork, "") if when == "before" else ("", post_fork)
    run_python(PATCHED + first + DJANGO + QUERY + second + check + QUERY).ok()


@only_psycopg2("psycopg has no wait callback")
def test_a_wait_callback_of_the_sites_own_is_kept(server):
    code = """
from psycogreen.gevent import gevent_wait_callback
def own(connection):
    gevent_wait_callback(connection)
set_wait_callback(own)
connection.ensure_connection()
assert get_wait_callback() is own
"""
    run_python(PATCHED + DJANGO + CALLBACKS + code).ok()


def test_greenlets_have_connections_of_their_own(make_alias):
    from support.waiting import eventually, join, running

    alias = make_alias(maxsize=10)
    pids = []

    def hold():
        with alias.request():
            pids.append(alias.pid())
            eventually(lambda: len(pids) == 10)

    with running(*[hold] * 10) as greenlets:
        join(greenlets)
    assert len(set(pids)) == 10
