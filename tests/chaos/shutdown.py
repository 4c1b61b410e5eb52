"""The end of programs and of workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.client import HTTPConnection, HTTPException
from itertools import product
from socket import AF_UNIX, socket
from typing import Any

import gevent
import psutil
from support.processes import DJANGO, PATCHED, environment
from support.waiting import eventually, running

from loadtests.postgres import django_database
from loadtests.site_process import SiteProcess

from .cluster import Postgres
from .outcome import Outcome, Run
from .world import Monitor, make_alias

LOG = {"log_min_messages": "debug1", "log_disconnections": True}
"""PostgreSQL tells of a connection that ended without a word, in a transaction or not."""
_BAD = ("unexpected EOF", "could not receive data", "connection to client lost")

ASK = """
import json, os, sys, threading, time
import django_pgpool, structlog
from django.db import OperationalError
from django_pgpool.pool.runtime import gevent_has_patched
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

def ask(sql="SELECT 1"):
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
    except OperationalError:
        # Cancelled at the end: a greenlet that could tell of it ran on in the middle of the exit.
        if gevent_has_patched():
            raise
    finally:
        connection.close()

def in_threads(count, work, *args):
    for _ in range(count):
        threading.Thread(target=work, args=args, daemon=True).start()
    while sum(pool.in_use + pool.waiting for pool in django_pgpool.stats()) < count:
        time.sleep(0.01)
    time.sleep(0.2)

connections.databases["default"].update(json.loads(sys.argv[1]))
"""
TOLD = "\nprint(time.monotonic(), flush=True)\n"
GOING_ON = {
    "nothing": "ask()",
    "a connection in use": "connection.ensure_connection()",
    "a transaction": "connection.set_autocommit(False); connection.cursor().execute('SELECT 1')",
    "three in use elsewhere": "in_threads(3, lambda: (connection.cursor(), time.sleep(60)))",
    "statements and waiters": "in_threads(9, ask, 'SELECT pg_sleep(60)')",
}
ENDS = {
    "the end": "",
    "sys.exit": "sys.exit(3)",
    "an exception": "sys.excepthook = lambda *_: None; raise ValueError",
}


def interpreter_exit(run: Run) -> None:
    """At once, without a word, and the server is told."""
    with Postgres(LOG) as postgres:
        alias = make_alias(postgres.params, maxsize=5, maxwait=60, cleanup=60)
        settings = json.dumps({k: v for k, v in alias.settings.items() if k != "TEST"})
        slowest = 0.0
        for patching, (what, code) in product((PATCHED, ""), GOING_ON.items()):
            for end, last in ENDS.items():
                if run.quick and end != "the end" and what != "a transaction":
                    continue
                name = f"{what}, {end}, {'gevent' if patching else 'threads'}"
                program = f"{patching}{DJANGO}{ASK}{code}{TOLD}{last}"
                took = _end(run.outcome, postgres, alias, name, program, settings)
                slowest = max(slowest, took)
        run.outcome.remarks.append(f"the slowest end took {slowest:.2f} s")


def _end(
    outcome: Outcome, postgres: Postgres, alias: Any, name: str, code: str, settings: str
) -> float:
    outcome.tried += 1
    # Who is in the middle of a statement can only be cut off, once that has been cancelled.
    with nullcontext() if "statements" in name else complaints(outcome, postgres, name):
        process = subprocess.Popen(
            [sys.executable, "-c", code, settings],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said, complained = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            said, complained = process.communicate()
            outcome.hung += 1
        took = time.monotonic() - float(said or 0)
        outcome.check(not complained, f"{name}: {complained[-300:]}")
        outcome.check(took < 5, f"{name}: took {took:.1f} s")
        _gone(outcome, alias.server, alias.name, name)
    return took


def _gone(outcome: Outcome, monitor: Monitor, application: str, name: str) -> None:
    try:
        eventually(lambda: not monitor.backends(application))
    except AssertionError:
        left = monitor.backends(application)
        outcome.sessions += len(left)
        outcome.check(False, f"{name}: sessions stay: {left}")
        monitor.terminate(*(pid for pid, _ in left))


@contextmanager
def complaints(outcome: Outcome, postgres: Postgres, name: str) -> Iterator[None]:
    """What the server complains about meanwhile in its log."""
    log = postgres.log
    before = log.stat().st_size
    yield
    with log.open(errors="replace") as file:
        file.seek(before)
        new = file.read().splitlines()
    for text in _BAD:
        count = sum(text in line for line in new)
        outcome.check(not count, f"{name}: the server's log has {count} times {text!r}")


def gunicorn(run: Run) -> None:
    """SIGTERM under load, again and again: what was taken is answered, and then all is gone."""
    os.environ["GUNICORN_CMD_ARGS"] = "--graceful-timeout 30"
    codes: Counter[str] = Counter()
    ends = []
    with Postgres(LOG) as postgres:
        monitor = Monitor(postgres.params)
        database = django_database(postgres.url, maxsize=5, application_name="pool_site")
        for _ in range(run.pick(4, 1)):
            with complaints(run.outcome, postgres, "gunicorn"), SiteProcess(database) as site:
                ends.append(_stop_under_load(run.outcome, site, codes))
                _gone(run.outcome, monitor, "pool_site", "gunicorn")
        monitor.close()
    run.outcome.tried = codes.total()
    run.outcome.requests += sum(n for code, n in codes.items() if code not in ("200", "refused"))
    run.outcome.check(codes["200"] > 50, f"answers: {dict(codes)}")
    run.outcome.remarks.append(f"answers: {dict(codes)}; the slowest stop {max(ends):.2f} s")


def _stop_under_load(outcome: Outcome, site: SiteProcess, codes: Counter[str]) -> float:
    process = psutil.Process(site._process.pid)
    workers = process.children()
    stopping = [False]

    def visit() -> None:
        while True:
            code = get(site.socket, "/report/30")
            codes[code] += 1
            if code == "refused":
                outcome.check(stopping[0], "refused while it should be up")
                return

    with running(*[visit] * 30) as visitors:
        goal = codes["200"] + 100
        eventually(lambda: codes["200"] >= goal, lambda: f"{codes}")
        stopping[0] = True
        began = time.monotonic()
        site._process.send_signal(signal.SIGTERM)
        eventually(lambda: site._process.poll() is not None, seconds=40)
        took = time.monotonic() - began
        gevent.joinall(visitors, timeout=30)
        outcome.hung += sum(not visitor.dead for visitor in visitors)
    outcome.check(site._process.returncode == 0, f"gunicorn: code {site._process.returncode}")
    outcome.check(took < 15, f"gunicorn took {took:.1f} s to stop")
    outcome.hung += sum(worker.is_running() for worker in workers)
    log = site.log()
    outcome.check("Traceback" not in log, log)
    return took


class _Connection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(path: str, address: str) -> str:
    """The status; "refused" where nobody takes the connection any more, or takes it unread."""
    connection = _Connection(path)
    try:
        connection.request("GET", address)
        return str(connection.getresponse().status)
    except (ConnectionError, FileNotFoundError, HTTPException):
        return "refused"
    finally:
        connection.close()
