"""Servers that refuse, and what their errors must not tell."""

from __future__ import annotations

import io
import logging
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import psycopg2
import structlog
from support.aliases import Alias
from support.waiting import eventually, join, running

from django_pgpool import PoolExhausted
from django_pgpool.pool.growth import FIRST

from .cluster import Postgres
from .holes import watchdog
from .outages import Openings
from .outcome import Outcome, Run
from .traffic import Traffic, Visit
from .world import LOCALHOST, Monitor, look_at_the_ruins, make_alias, on_tcp, usable

SECRET = "correct horse battery staple"
AT_ONCE = 15.0
"""Seconds; maxwait would be 60."""


def full(run: Run) -> None:
    """A server of 10 connections, most of which others hold, and a pool that wants 20."""
    settings = {"max_connections": 10, "superuser_reserved_connections": 0}
    with Postgres({**settings, "reserved_connections": 0}) as postgres:
        alias = make_alias(postgres.params, maxsize=20, maxwait=30)
        alias.server.execute("SELECT 1")
        others = [psycopg2.connect(**postgres.params) for _ in range(5)]
        for _ in range(run.pick(10, 2)):
            with Traffic(alias, run.outcome, 100, query=0.01, pause=0) as traffic:
                traffic.wait_for(500)
            for visit in traffic.failed:
                run.outcome.fail(visit.error)
        snapshot = alias.pool.snapshot()
        run.outcome.check(snapshot.open_failures, "the server has never been full")
        run.outcome.check(
            snapshot.size <= 4, f"{snapshot.size} connections where there is room for 4"
        )
        run.outcome.remarks.append(
            f"{snapshot.open_failures} openings refused, {snapshot.openings} done, "
            f"longest wait {snapshot.wait_seconds_max:.2f} s"
        )
        for other in others:
            other.close()
        alias.pool.resize(8)
        eventually(lambda: usable(alias) == 8, seconds=30)
        look_at_the_ruins(alias, run.outcome)


def refused(run: Run) -> None:
    """A hundred at once ask for what cannot be had: the real error, few attempts, no secrets."""
    with password_server() as (postgres, tcp), recorded() as said:
        secret = {"USER": "shop", "PASSWORD": SECRET}
        cases: dict[str, tuple[str, dict[str, Any]]] = {
            "a wrong password": ("password authentication failed", {**tcp, **secret}),
            "an unknown database": (
                "does not exist",
                {**tcp, "NAME": "nowhere", "PASSWORD": SECRET},
            ),
            "an unknown host": ("could not translate", {**secret, "HOST": "db.invalid"}),
            "no TLS": ("SSL", {**tcp, **secret, "sslmode": "require"}),
            "nobody there": ("refused", {**secret, "HOST": LOCALHOST, "PORT": "1"}),
        }
        for what, (text, settings) in cases.items():
            for _ in range(run.pick(5, 1)):
                alias = make_alias(postgres.params, maxsize=20, maxwait=60, **settings)
                _refuse(run.outcome, alias, what, text)
    run.outcome.check(SECRET not in said.getvalue(), "the password is in a message or in the log")
    run.outcome.check("connection_open_failed" in said.getvalue(), "nothing was logged")


def _refuse(outcome: Outcome, alias: Alias, what: str, text: str) -> None:
    traffic = Traffic(alias, outcome, 0)
    with Openings() as openings, watchdog(outcome), running(*[traffic.visit] * 100) as greenlets:
        gevent.joinall(greenlets, timeout=30)
    outcome.hung += sum(not greenlet.dead for greenlet in greenlets)
    outcome.tried += 100
    for visit in traffic.visits:
        _check_error(outcome, visit, what, text)
    slowest = max(visit.seconds for visit in traffic.visits)
    outcome.check(slowest < AT_ONCE, f"{what}: the error took {slowest:.2f} s")
    snapshot = alias.pool.snapshot()
    failures = snapshot.open_failures  # an unknown host is not connected to
    outcome.check(1 <= failures <= FIRST + 4, f"{what}: {failures} openings")
    later = sorted(openings.all)[FIRST:]  # the first ones find out
    outcome.check(Openings.together(later) <= 1, f"{what}: openings side by side")
    outcome.slots += snapshot.size
    remark = f"{what}: {failures} attempts at most"
    if remark not in outcome.remarks:
        outcome.remarks.append(remark)
    alias.wrapper.close_pool()


def _check_error(outcome: Outcome, visit: Visit, what: str, text: str) -> None:
    error = visit.error
    kept = error is not None and text in str(error) and not isinstance(error, PoolExhausted)
    outcome.check(kept, f"{what}: not the real error: {error!r}")
    if error is not None:
        logging.getLogger("chaos").error("".join(traceback.format_exception(error)))


@contextmanager
def recorded() -> Iterator[io.StringIO]:
    """All that is logged and reported."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root = logging.getLogger()
    before = structlog.get_config()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(said),
        processors=[structlog.processors.KeyValueRenderer()],
    )
    root.addHandler(handler)
    try:
        yield said
    finally:
        root.removeHandler(handler)
        structlog.configure(**before)


@contextmanager
def password_server() -> Iterator[tuple[Postgres, dict[str, Any]]]:
    """A server that asks the role "shop" for its password, and the settings that lead there."""
    settings = on_tcp()
    with Postgres(settings) as postgres:
        monitor = Monitor(postgres.params)
        monitor.execute("CREATE ROLE shop LOGIN PASSWORD 'first'")
        path = Path(monitor.execute("SHOW hba_file")[0][0])
        path.write_text(f"host all shop {LOCALHOST}/32 scram-sha-256\n{path.read_text()}")
        monitor.execute("SELECT pg_reload_conf()")
        eventually(lambda: _is_asked(settings["port"]))
        monitor.close()
        yield postgres, {"HOST": LOCALHOST, "PORT": str(settings["port"])}


def _is_asked(port: int) -> bool:
    try:
        where = {"host": LOCALHOST, "port": port, "dbname": "postgres"}
        psycopg2.connect(**where, user="shop", password="wrong").close()
    except psycopg2.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


def rotated(run: Run) -> None:
    """The password changes under load, again and again; the old connections are drained."""
    with password_server() as (postgres, tcp):
        alias = make_alias(
            postgres.params, maxsize=5, maxwait=20, USER="shop", PASSWORD="first", **tcp
        )
        alias.server.execute("SELECT 1")
        with Traffic(alias, run.outcome, 20) as traffic:
            traffic.wait_for(200)
            for number in range(run.pick(30, 4)):
                _rotate(run.outcome, alias, f"number {number}")
                traffic.wait_for(100)
        for visit in traffic.failed:
            run.outcome.fail(visit.error)
        evictions = Counter(alias.pool.snapshot().evictions)
        run.outcome.remarks.append(f"connections closed: {dict(evictions)}")
        alias.server.execute("ALTER ROLE shop PASSWORD 'unknown'")
        alias.pool.drain()
        time.sleep(0.1)
        run.outcome.check("password" in _failure(alias), "a wrong password got in")
        alias.settings["PASSWORD"] = "unknown"
        eventually(lambda: not _failure(alias))
        look_at_the_ruins(alias, run.outcome)


def _all_open(alias: Alias) -> bool:
    """Every connection that may be there is, and none is being opened or closed."""
    snapshot = alias.pool.snapshot()
    return bool(snapshot.idle + snapshot.in_use == snapshot.maxsize)


def _rotate(outcome: Outcome, alias: Alias, password: str) -> None:
    eventually(lambda: _all_open(alias))  # an opening would meet the one password or the other
    before = alias.pids
    alias.server.execute("ALTER ROLE shop PASSWORD %s", password)
    alias.settings["PASSWORD"] = password
    alias.pool.drain()
    eventually(lambda: not alias.pids & before, "drained sessions stay")
    outcome.check(alias.settings["PASSWORD"] == password, "the setting has changed by itself")


def _failure(alias: Alias) -> str:
    with running(lambda: alias.ask("SELECT 1")) as greenlets:
        try:
            join(greenlets)
        except Exception as error:
            return str(error)
    return ""
