"""The day from end to end: real gunicorn, real PostgreSQL, and nothing left of them."""

from __future__ import annotations

import signal
import time

import psutil
import psycopg2
import pytest
from leftovers import assert_nothing_left, read

from loadtests.postgres import ThrowAwayPostgres
from loadtests.report.reading import problem

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server():
    """Stands for a server of the user."""
    with ThrowAwayPostgres({"max_connections": 30}) as server:
        yield server


def schemas(server):
    connection = psycopg2.connect(**server.params)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pgpool_loadtest%'")
        (count,) = cursor.fetchone()
    connection.close()
    return count


def wait_for_load(process):
    for line in process.stdout:
        if "quiet" in line:
            return
    pytest.fail(process.stderr.read())


def test_a_short_day(loadtests, short_tmp, tmp_path):
    process = loadtests("day", "--scale", "0.05", "--reports", str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    data = read(tmp_path)
    assert problem(data) is None
    assert out.rstrip().endswith(str(next(tmp_path.glob("*.html"))))
    assert list(data["phases"]) == ["quiet", "morning", "peak", "evening", "night"]
    assert all(phase["errors"] == {} for phase in data["phases"].values())
    assert all(phase["completed"] == phase["offered"] for phase in data["phases"].values())
    assert data["phases"]["night"]["offered"] == 0
    pool = data["pool"]
    assert 0 < pool["peak_size"] <= 8
    assert pool["peak_server"] <= 8
    assert (pool["end_size"], pool["end_server"]) == (0, 0)
    assert 0 < pool["ideal_connection_seconds"] < 8 * data["seconds"]
    assert 0 < pool["connection_seconds"] < 8 * data["seconds"]
    assert data["total"]["wait"]["max"] <= data["total"]["latency"]["max"]
    assert data["total"]["use"]["p90"] > 0.075, "four of ten are reports"
    assert all(seconds > 0 for seconds in data["cpu"].values())
    assert pool["acquires"] == sum(phase["offered"] for phase in data["phases"].values())
    assert pool["sessions"] == pool["openings"]  # the server counts as many as the pool
    assert_nothing_left(short_tmp)


def test_interrupted_on_a_server_of_the_user(loadtests, server, short_tmp, tmp_path):
    process = loadtests("--yes", "--reports", str(tmp_path), url=server.url)
    wait_for_load(process)
    assert schemas(server) == 1
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "interrupted" in out
    data = read(tmp_path)
    assert data["interrupted"]
    assert list(data["phases"]) == ["quiet"]
    assert schemas(server) == 0
    assert_nothing_left(short_tmp)


def test_a_dead_worker_ends_the_run(loadtests, server, short_tmp, tmp_path):
    process = loadtests("--yes", "--reports", str(tmp_path), url=server.url)
    wait_for_load(process)
    master = next(
        child
        for child in psutil.Process(process.pid).children()
        if "loadtests.site.wsgi" in child.cmdline()
    )
    master.children()[0].kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a worker of gunicorn has died\nthe end of its log:" in err
    assert read(tmp_path)["failure"] == "a worker of gunicorn has died"
    assert schemas(server) == 0
    assert_nothing_left(short_tmp)


def test_killed_on_a_server_of_the_user(loadtests, server, short_tmp, tmp_path):
    process = loadtests("--yes", "--reports", str(tmp_path), url=server.url)
    wait_for_load(process)
    assert schemas(server) == 1
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while schemas(server) or list(short_tmp.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert_nothing_left(short_tmp)
