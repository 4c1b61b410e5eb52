"""A network that keeps every socket open and forwards nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

import gevent
from django.db import OperationalError
from support.aliases import Alias
from support.processes import DJANGO, PATCHED, environment
from support.waiting import eventually, hub_watched, running

from django_pgpool import PoolExhausted

from .cluster import Postgres
from .outcome import Outcome, Run
from .proxy import WAIT, Proxy, fallen
from .world import counted, look_at_the_ruins, make_alias, on_tcp, pool_on, usable

CONNECT, MAXWAIT, READ, CANCEL = 2.0, 3.0, 2.0, 1.0
"""connect_timeout, maxwait, read_timeout and cancel_timeout, in seconds. What works must not take
so long, however busy the machine."""
CANCELLED = 5.0
"""Seconds in which a timed-out statement ends at the server, where the network is sound; without a
cancel it would be 60."""
FAREWELL = 1.0
SLACK = 4.0
"""Seconds that a busy machine may add to anything."""


def hole(run: Run) -> None:
    """Openings, waiters, statements, rollbacks, pings: each ends at its own time-out."""
    for _ in range(run.pick(2, 1)):
        with behind_a_proxy(run, read_timeout=READ) as (alias, proxy):
            _openings(run.outcome, alias, proxy)
            _statements(run.outcome, alias, proxy)
            _idle_ones(run.outcome, alias, proxy)
        with behind_a_proxy(run) as (alias, proxy):
            _waiters(run.outcome, alias, proxy)
            _rollbacks(run.outcome, alias, proxy)
            _exits(run.outcome, alias, proxy)
        with behind_a_proxy(run, CONN_HEALTH_CHECKS=True) as (alias, proxy):
            _pings(run.outcome, alias, proxy)


def cancel(run: Run) -> None:
    """Killed and timed-out statements: the cancel arrives, or falls into the hole as well."""
    with pool_on(run, maxsize=20, maxwait=20, cancel_timeout=60) as (_, alias):
        ran_on = [_runs_on(run.outcome, alias) for _ in range(run.pick(100, 20))]
    for _ in range(run.pick(5, 1)):
        with behind_a_proxy(run, maxsize=20) as (alias, proxy):
            usable(alias)
            victims = fallen(alias, proxy, *[lambda: alias.ask(WAIT)] * 20)
            with watchdog(run.outcome):
                began = time.monotonic()
                gevent.killall(victims, timeout=30)
                took = time.monotonic() - began
            run.outcome.tried += 20
            run.outcome.check(took < CANCEL + SLACK, f"20 kills took {took:.2f} s")
            proxy.forward()
    slowest, usual = max(ran_on), median(ran_on)
    run.outcome.check(slowest < CANCELLED, f"a statement ran on for {slowest:.3f} s")
    run.outcome.check(usual < 0.2, f"statements ran on for {usual:.3f} s")
    run.outcome.remarks.append(
        f"statements ran on for {usual * 1000:.0f} ms, at most {slowest * 1000:.0f} ms"
    )


def _runs_on(outcome: Outcome, alias: Alias) -> float:
    """For how long after its time-out, as another session sees it."""

    def ask() -> None:
        with suppress(gevent.Timeout):
            alias.ask("SELECT pg_sleep(60)")

    outcome.tried += 1
    with running(ask) as (victim,):
        eventually(lambda: "active" in alias.states)
        began = time.monotonic()
        victim.kill(gevent.Timeout, block=False)
        eventually(lambda: "active" not in alias.states, seconds=30)
        return time.monotonic() - began


@contextmanager
def behind_a_proxy(run: Run, **options: Any) -> Iterator[tuple[Alias, Proxy]]:
    """An alias whose way to its server can turn into a black hole."""
    settings = on_tcp()
    options = {
        "maxsize": 5,
        "maxwait": 20,
        "connect_timeout": CONNECT,
        "cancel_timeout": CANCEL,
        **options,
    }
    with Postgres(settings) as postgres, Proxy(settings["port"]) as proxy:
        alias = make_alias(postgres.params, **proxy.params, **options)
        alias.server.execute("SELECT 1")
        with counted(run.outcome, postgres.params, options["maxsize"]):
            yield alias, proxy
            proxy.forward()
            look_at_the_ruins(alias, run.outcome)


@contextmanager
def watchdog(outcome: Outcome) -> Iterator[None]:
    """The hub has to go round all the time."""
    with hub_watched() as longest:
        yield
    outcome.check(longest[0] < 0.5, f"the hub stood still for {longest[0]:.2f} s")


def _ends(
    outcome: Outcome,
    work: Callable[[], Any],
    after: float,
    what: str,
    error: type[Exception],
    by: str,
) -> None:
    """``by``: what the error says has ended it."""
    outcome.tried += 1
    began = time.monotonic()
    try:
        with gevent.Timeout(30):
            work()
    except error as met:
        exhausted = isinstance(met, PoolExhausted)
        outcome.check(exhausted == (error is PoolExhausted) and by in str(met), f"{what}: {met}")
    except gevent.Timeout:
        outcome.hung += 1
    except Exception as met:
        outcome.check(False, f"{what}: {type(met).__name__}: {met}")
    else:
        outcome.check(False, f"{what} did not fail")
    took = time.monotonic() - began
    outcome.check(after - 0.1 < took < after + SLACK, f"{what}: {took:.2f} s, not {after:g} s")


def _openings(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    proxy.swallow()
    with watchdog(outcome):
        for _ in range(2):
            _ends(
                outcome,
                lambda: alias.ask("SELECT 1"),
                CONNECT,
                "an opening",
                OperationalError,
                "connect_timeout",
            )
            eventually(lambda: alias.pool.snapshot().size == 0)
            gevent.sleep(0.2)  # the back-off's first step
    proxy.forward()
    eventually(lambda: _works(alias))


def _works(alias: Alias) -> bool:
    try:
        return bool(alias.ask("SELECT 1") == 1)
    except OperationalError:
        return False


def _statements(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    """In the middle of a statement, in autocommit and in a transaction that is rolled back."""
    usable(alias)

    def in_transaction() -> None:
        with alias.request() as wrapper:
            wrapper.set_autocommit(False)
            alias.value(WAIT)

    def check(work: Callable[[], Any]) -> None:
        _ends(outcome, work, READ + CANCEL, "a statement", OperationalError, "read_timeout")

    statements = [lambda: alias.ask(WAIT), in_transaction] * 2
    with watchdog(outcome):
        greenlets = fallen(alias, proxy, *[lambda s=s: check(s) for s in statements])
        gevent.joinall(greenlets, timeout=30)
        outcome.check(alias.pool.snapshot().in_use == 0, "a slot is still in use")
        eventually(lambda: alias.pool.snapshot().closing == 0, seconds=FAREWELL + SLACK)
    proxy.forward()
    eventually(lambda: _works(alias))


def _idle_ones(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    """Connections that fell into the hole while they were idle: nobody can tell by looking."""
    usable(alias)
    proxy.swallow()
    with watchdog(outcome):
        _ends(
            outcome,
            lambda: alias.ask("SELECT 1"),
            READ + CANCEL,
            "a statement on an idle connection",
            OperationalError,
            "read_timeout",
        )
    proxy.forward()


def _waiters(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    """All slots are held by statements in the hole, without a read_timeout."""
    usable(alias)
    holders = fallen(alias, proxy, *[lambda: alias.ask(WAIT)] * 5)
    with watchdog(outcome), limited(alias):
        with running(*[lambda: _is_exhausted(outcome, alias, "a waiter")] * 20) as waiters:
            gevent.joinall(waiters, timeout=30)
    proxy.forward()
    gevent.joinall(holders, timeout=30)
    outcome.hung += sum(not holder.dead for holder in holders)
    for holder in holders:
        if holder.exception is not None:
            outcome.fail(holder.exception)


@contextmanager
def limited(alias: Alias) -> Iterator[None]:
    """Who comes meanwhile waits for MAXWAIT."""
    before, alias.pool.maxwait = alias.pool.maxwait, MAXWAIT
    try:
        yield
    finally:
        alias.pool.maxwait = before


def _is_exhausted(outcome: Outcome, alias: Alias, what: str) -> None:
    _ends(outcome, lambda: alias.ask("SELECT 1"), MAXWAIT, what, PoolExhausted, "")


def _rollbacks(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    """Releases that have to roll back."""
    usable(alias)

    def leave_open() -> None:
        began = time.monotonic()
        with alias.request() as wrapper:
            wrapper.set_autocommit(False)
            alias.value("SELECT 1")
            eventually(lambda: swallowing)
            began = time.monotonic()
        took = time.monotonic() - began
        outcome.check(took < CONNECT + CANCEL + SLACK, f"a rollback took {took:.2f} s")

    swallowing: list[bool] = []
    with watchdog(outcome), running(*[leave_open] * 5) as greenlets:
        eventually(lambda: alias.states.count("idle in transaction") == 5)
        proxy.swallow()
        swallowing.append(True)
        gevent.joinall(greenlets, timeout=30)
    outcome.tried += 5
    for greenlet in greenlets:
        outcome.hung += not greenlet.dead
        if greenlet.exception is not None:
            outcome.fail(greenlet.exception)
    proxy.forward()


_LEAVER = """
import json, sys, threading, time
from gevent.os import tp_read
connections.databases["default"].update(json.loads(sys.argv[1]))

def work(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
    time.sleep(60)

for sql in ("SELECT 1", "BEGIN", "SELECT pg_sleep(60)"):
    threading.Thread(target=work, args=(sql,), daemon=True).start()
print("ready", flush=True)
tp_read(0, 1)
print(time.monotonic(), flush=True)
"""


def _exits(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    """The interpreter ends, with an idle session, a transaction and a statement in the hole."""
    proxy.forward()
    alias.close()
    alias.wrapper.close_pool()
    eventually(lambda: alias.backends == 0)
    settings = json.dumps({k: v for k, v in alias.settings.items() if k != "TEST"})
    process = subprocess.Popen(
        [sys.executable, "-c", PATCHED + DJANGO + _LEAVER, settings],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: alias.states == ["active", "idle", "idle in transaction"])
    proxy.swallow()
    try:
        said, complained = process.communicate("go\n", timeout=20)
        took = time.monotonic() - float(said.split()[-1])
        outcome.check(took < 1.0 + SLACK, f"an exit took {took:.2f} s")
        outcome.check(not complained, f"an exit said {complained[-300:]}")
    except subprocess.TimeoutExpired:
        process.kill()
        outcome.hung += 1
    outcome.tried += 1
    proxy.forward()
    alias.server.terminate(*alias.pids)  # the cancel has fallen into the hole, too


def _pings(outcome: Outcome, alias: Alias, proxy: Proxy) -> None:
    """A long-idle connection is asked first, then a new one is opened: both in vain, and no longer
    than maxwait."""
    alias.ask("SELECT 1")
    gevent.sleep(1.1)
    proxy.swallow()
    with watchdog(outcome), limited(alias):
        _is_exhausted(outcome, alias, "a ping")
    proxy.forward()
    gevent.sleep(0.2)
