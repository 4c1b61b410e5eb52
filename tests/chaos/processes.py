"""Forks, plain threads, and a hub that stands still."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import gevent
from psycopg2.extensions import make_dsn
from support.aliases import Alias
from support.processes import environment
from support.waiting import eventually

from .cluster import Postgres
from .outcome import Outcome, Run
from .traffic import Traffic
from .world import counted, make_alias, pool_on

_PROTOCOL = ("protocol", "invalid message", "unexpected EOF", "could not receive", "lost sync")
"""What the server's log says when two processes speak on one socket."""


def fork(run: Run) -> None:
    """Children ask with pools of their own, and end in every way, while the parent is busy."""
    debug = {"log_min_messages": "debug1"}
    with pool_on(run, debug, pools=2, maxsize=5, maxwait=20) as (postgres, alias):
        with Traffic(alias, run.outcome, 20) as traffic:
            traffic.wait_for(100)
            parents = alias.pids
            for number in range(run.pick(40, 6)):
                _fork(run.outcome, alias, parents, number)
                traffic.wait_for(20)
            run.outcome.check(alias.pids == parents, "the parent's sessions have changed")
        for visit in traffic.failed:
            run.outcome.fail(visit.error)
        openings = alias.pool.snapshot().openings
        run.outcome.check(openings == len(parents), f"the parent has opened {openings}")
        log = postgres.log.read_text(errors="replace")
    for line in log.splitlines():
        # Children end with os._exit() and say no good-bye on connections of their own.
        if any(f"[{pid}]" in line for pid in parents) and any(text in line for text in _PROTOCOL):
            run.outcome.check(False, f"the server's log: {line[-150:]}")


def _fork(outcome: Outcome, alias: Alias, parents: set[int], number: int) -> None:
    process = os.fork()
    if not process:
        code = 9
        try:
            code = _child(alias, parents, number)
        finally:
            os._exit(code)
    outcome.tried += 1
    deadline = time.monotonic() + 30
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(process, 9)
            outcome.hung += 1
        gevent.sleep(0.01)
    code = os.waitstatus_to_exitcode(status)
    outcome.check(code == 0, f"a child ended with code {code}")


def _child(alias: Alias, parents: set[int], number: int) -> int:
    """0: all well. Every other child leaves its connection open."""
    alias.settings["OPTIONS"]["application_name"] = "child"
    for _ in range(3):
        token = f"child {number}"
        if alias.value("SELECT %s", token) != token:
            return 3
        if alias.pid() in parents:
            return 4
        if number % 2:
            alias.close()
    return 0 if alias.pool.snapshot().size <= alias.pool.maxsize else 5


THREADS = """
import json, os, sys, threading
import django
django.setup()
from django.db import connections
import django_pgpool
connections.databases["x"] = {**connections.databases["default"], **json.loads(sys.argv[1])}
count, each = int(sys.argv[2]), int(sys.argv[3])
wrong = []

def visit(token):
    connection = connections["x"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s || left(pg_sleep(0.002)::text, 0)", [token])
            if cursor.fetchone()[0] != token:
                wrong.append("foreign")
    except Exception as error:
        wrong.append(repr(error))
    finally:
        connection.close()

def work(number):
    for turn in range(each):
        visit(f"{number}/{turn}")

threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
alive = sum(thread.is_alive() for thread in threads)
numbers = django_pgpool.stats()[0]
print(json.dumps([wrong, alive, numbers.in_use, numbers.waits, numbers.wait_seconds_max]))
sys.stdout.flush()
os._exit(0) if alive else None
"""


def threads(run: Run) -> None:
    """50 plain threads over a limit of 10, in a process without monkey patching."""
    count, each, maxsize = 50, run.pick(200, 20), 10
    with Postgres() as postgres, counted(run.outcome, postgres.params, maxsize):
        alias = make_alias(postgres.params, maxsize=maxsize, maxwait=30)
        settings = {k: v for k, v in alias.settings.items() if k != "TEST"}
        arguments = [json.dumps(settings), str(count), str(each)]
        done = subprocess.run(
            [sys.executable, "-c", THREADS, *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        run.outcome.tried = count * each
        run.outcome.check(done.returncode == 0 and not done.stderr, done.stderr[-300:])
        wrong, alive, in_use, waits, longest = json.loads(done.stdout)
        run.outcome.foreign += wrong.count("foreign")
        for text in wrong:
            run.outcome.fail(text)
        run.outcome.hung += alive
        run.outcome.slots += in_use
        eventually(lambda: alias.backends == 0, f"sessions left at {make_dsn(**postgres.params)}")
        run.outcome.remarks.append(f"{waits:,} waits, the longest {longest:.2f} s")


def blocked(run: Run) -> None:
    """CPU work stops the hub for longer than every limit there is."""
    limits = {"maxwait": 2.0, "connect_timeout": 2.0, "read_timeout": 2.0, "cleanup": 2.0}
    with pool_on(run, maxsize=10, expires=60, **limits) as (_, alias):
        visitors = [
            Traffic(alias, run.outcome, 30, query=0.02, pause=0.001),
            Traffic(alias, run.outcome, 5, query=0.0, pause=0.3),
        ]
        with visitors[0], visitors[1]:
            for _ in range(run.pick(5, 2)):
                visitors[0].wait_for(200)
                openings = alias.pool.snapshot().openings
                _block(2.5)
                visitors[0].wait_for(100)
                new = alias.pool.snapshot().openings - openings
                run.outcome.check(new <= 2, f"{new} connections were opened after the pause")
        for traffic in visitors:
            for visit in traffic.failed:
                run.outcome.fail(visit.error)
        evictions = alias.pool.snapshot().evictions
        run.outcome.check(evictions.get("idle", 0) <= 10, f"mass expiry: {evictions}")
    with pool_on(run, maxsize=10, **limits) as (_, alias):
        _cold(run, alias)


def _cold(run: Run, alias: Alias) -> None:
    """The hub is blocked in the middle of openings."""
    for moment in range(run.pick(16, 6)):
        with Traffic(alias, run.outcome, 10, query=0) as traffic:
            gevent.sleep(0.001 * moment)
            _block(2.5)
            traffic.wait_for(20)
        for visit in traffic.failed:
            run.outcome.fail(visit.error)
        alias.server.terminate(*alias.pids)


def _block(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
