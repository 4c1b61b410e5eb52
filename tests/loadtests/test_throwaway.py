"""The embedded server: up, usable, and gone without a trace."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg2
import pytest

from loadtests.errors import LoadTestError
from loadtests.postgres import ThrowAwayPostgres, database_params, django_database

OWNER = """
import sys, time
from loadtests.postgres import ThrowAwayPostgres
with ThrowAwayPostgres() as server:
    print(server.params["host"], flush=True)
    time.sleep(60)
"""


def one(params, query):
    connection = psycopg2.connect(**params)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]
    finally:
        connection.close()


def processes_of(directory):
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(directory) in part for part in process.info["cmdline"] or [])
    ]


@pytest.mark.long
def test_settings_restart_and_removal():
    with ThrowAwayPostgres({"max_connections": 17}) as server:
        directory = Path(server.params["host"])
        assert one(server.params, "SHOW max_connections") == "17"
        assert one(database_params(server.url), "SHOW server_version").startswith("18")
        server.restart("immediate")
        assert one(server.params, "SHOW listen_addresses") == ""
        server.stop()
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(**server.params)
        server.start()
    assert not directory.exists()
    assert not processes_of(directory)


def test_a_killed_owner_leaves_nothing():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    with owner:
        directory = Path(owner.stdout.readline().strip())
        assert processes_of(directory)
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while directory.exists() or processes_of(directory):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.long
def test_a_server_that_does_not_start_says_why_and_leaves_nothing(short_tmp):
    with pytest.raises(LoadTestError, match='unrecognized configuration parameter "nonsense"'):
        ThrowAwayPostgres({"nonsense": 1}).__enter__()
    assert list(short_tmp.iterdir()) == []


def test_a_database_url_becomes_a_django_database():
    url = "postgresql://ann:p%40ss@db.example:5433/shop?sslmode=require"
    assert django_database(url, maxsize=5) == {
        "ENGINE": "django_pgpool",
        "NAME": "shop",
        "USER": "ann",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require", "maxsize": 5},
    }


@pytest.mark.parametrize("url", ["shop", "mysql://ann:secret@db/shop", "postgresql://a:secret%@b"])
def test_a_url_that_is_none_is_refused_without_the_password(url):
    with pytest.raises(LoadTestError, match="DATABASE_URL") as caught:
        database_params(url)
    assert "secret" not in str(caught.value)
