"""A real PgBouncer in front of the embedded server: up, pooling, and gone without a trace."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing

import psutil
import psycopg2
import pytest

from loadtests.errors import LoadTestError
from loadtests.pgbouncer import PgBouncer, find_pgbouncer
from loadtests.postgres import ThrowAwayPostgres

try:
    find_pgbouncer()
except LoadTestError:
    pytestmark = pytest.mark.skip("PgBouncer is not installed (Debian: apt install pgbouncer)")

OWNER = """
import sys, time
from loadtests.pgbouncer import PgBouncer
with PgBouncer("postgresql://nobody@/none?host=/nowhere") as bouncer:
    print(bouncer.pid, bouncer.url, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server():
    with ThrowAwayPostgres({"max_connections": 30}) as server:
        yield server


@pytest.fixture
def short_tmp(short_tmp):
    """Where the user that root changes to comes in, too."""
    short_tmp.chmod(0o711)
    return short_tmp


@pytest.fixture
def bouncer(server, short_tmp):
    settings = {"default_pool_size": 2}
    session = {"search_path": "it's", "application_name": "behind"}
    with PgBouncer(server.url, settings, session=session) as bouncer:
        yield bouncer
        process = psutil.Process(bouncer.pid)
    assert not process.is_running()
    assert list(short_tmp.iterdir()) == []


def connect(bouncer):
    connection = psycopg2.connect(bouncer.url)
    connection.autocommit = True
    return connection


def one(connection, query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.mark.long
def test_many_clients_share_few_connections_of_the_server(server, bouncer):
    clients = [connect(bouncer) for _ in range(5)]
    try:
        assert len({one(client, "SELECT pg_backend_pid()") for client in clients}) <= 2
        assert {one(client, "SHOW search_path") for client in clients} == {'"it\'s"'}
    finally:
        for client in clients:
            client.close()
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'behind'"
    with closing(psycopg2.connect(**server.params)) as monitor:
        assert 1 <= one(monitor, query) <= 2


@pytest.mark.long
def test_says_its_version(bouncer):
    assert bouncer.version[0].isdigit()
    assert bouncer.version in subprocess.check_output([find_pgbouncer(), "--version"], text=True)


@pytest.mark.long
def test_a_setting_it_does_not_know_is_told_and_nothing_is_left(server, short_tmp):
    with pytest.raises(LoadTestError, match=r"PgBouncer did not start: .*nonsense"):
        PgBouncer(server.url, {"nonsense": 1}).__enter__()
    assert list(short_tmp.iterdir()) == []


def test_a_missing_program_is_told_with_what_to_do(monkeypatch, short_tmp):
    monkeypatch.setattr("loadtests.pgbouncer.PLACES", ())
    monkeypatch.setenv("PATH", str(short_tmp))
    with pytest.raises(LoadTestError, match=r"apt install pgbouncer.*--without pgbouncer"):
        PgBouncer("postgresql://nobody@/none").__enter__()
    assert list(short_tmp.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_or_killed_owner_leaves_nothing(short_tmp, signum):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True
    ) as owner:
        pid, _ = owner.stdout.readline().split()
        process = psutil.Process(int(pid))
        owner.send_signal(signum)
    psutil.wait_procs([process], timeout=30)
    assert not process.is_running()
