"""gunicorn -k gevent: forks after a query, and workers that are over their time."""

import json
import os
import signal

import pytest
from chaos.shutdown import get
from support.sites import site_database
from support.waiting import eventually, running

from loadtests.site_process import SiteProcess

CONFIGURATION = """
from gevent import monkey
monkey.patch_all()
import json

def say(file):
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    if not {held}:
        connection.close()
    with open(file, "w") as told:
        json.dump(pid, told)

def when_ready(server):
    say({before!r})

def on_exit(server):
    say({after!r})
"""


@pytest.fixture
def name():
    return f"pgpool_gunicorn_{os.getpid()}"


@pytest.mark.parametrize(
    "held", [True, pytest.param(False, marks=pytest.mark.long)], ids=["in use", "idle"]
)
def test_a_query_before_the_fork(server, name, monkeypatch, tmp_path, held):
    before, after = tmp_path / "before", tmp_path / "after"
    configuration = tmp_path / "conf.py"
    configuration.write_text(CONFIGURATION.format(held=held, before=str(before), after=str(after)))
    monkeypatch.setenv("GUNICORN_CMD_ARGS", f"--preload --config {configuration}")
    database = site_database(server, maxsize=3, cleanup=60, application_name=name)
    with SiteProcess(database) as site:
        masters = json.loads(before.read_text())
        assert get(site.socket, "/report/1") == "200"
        assert masters in server.pids(name)
        assert len(server.pids(name)) == 2, "the worker has a session of its own"
        site._process.terminate()
        eventually(lambda: site._process.poll() is not None)
        assert "Traceback" not in site.log()
    assert json.loads(after.read_text()) == masters, "the master's session lived to its end"
    eventually(lambda: not server.backends(name))


@pytest.mark.long
def test_a_statement_longer_than_the_graceful_timeout_is_cancelled(server, name, monkeypatch):
    """On a reload; a master that is stopped itself kills such workers outright."""
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--graceful-timeout 1")
    database = site_database(server, maxsize=3, cancel_timeout=20, application_name=name)
    with SiteProcess(database) as site:
        with running(lambda: get(site.socket, "/report/60000")):
            eventually(lambda: server.states(name) == ["active"])
            site._process.send_signal(signal.SIGHUP)
            eventually(lambda: not server.backends(name), "the statement runs on")
        eventually(lambda: get(site.socket, "/report/1") == "200")
    eventually(lambda: not server.backends(name))
