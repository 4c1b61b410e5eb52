"""What the scenarios share: servers, aliases, an eye on the server, and the look at the ruins."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent
import psycopg2
from django.db import connections
from psycopg2.extensions import make_dsn
from support.aliases import Alias
from support.sampler import Samples, sampling
from support.waiting import eventually, running

from .cluster import Postgres
from .outcome import Outcome, Run

LOCALHOST = "127.0.0.1"
MINE = "chaos_"
"""Sessions whose application_name begins so are the test's own."""
NOT_MINE = f"backend_type = 'client backend' AND application_name NOT LIKE '{MINE}%'"


class Monitor:
    """A session of our own at the server, renewed when it is lost. Stands for the ``Server`` of the
    other tests in an Alias."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = {**params, "application_name": f"{MINE}monitor", "connect_timeout": 5}
        self._connection: Any = None
        self._lock = threading.Lock()

    def execute(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            for last in (False, True):
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg2.connect(**self._params)
                    self._connection.autocommit = True
                try:
                    with self._connection.cursor() as cursor:
                        cursor.execute(statement, params or None)
                        return cursor.fetchall() if cursor.description else []
                except (psycopg2.OperationalError, psycopg2.InterfaceError):
                    if last or not self._connection.closed:
                        raise
        raise AssertionError

    def backends(self, name: str) -> list[tuple[Any, ...]]:
        return self.execute(
            "SELECT pid, state FROM pg_stat_activity WHERE application_name = %s", name
        )

    def pids(self, name: str) -> set[int]:
        return {pid for pid, _ in self.backends(name)}

    def states(self, name: str) -> list[str]:
        return sorted(state or "" for _, state in self.backends(name))

    def terminate(self, *pids: int) -> None:
        if not pids:
            return
        self.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", list(pids))
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))"
        eventually(lambda: self.execute(gone, list(pids)) == [(True,)], "sessions still there")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def make_alias(params: dict[str, Any], **arguments: Any) -> Alias:
    """An alias for the server of these libpq parameters. Capitals are keys beside OPTIONS."""
    name = f"pool_{secrets.token_hex(3)}"
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    entry = {key: params.get(param, "") for key, param in names.items()}
    entry["PORT"] = str(params.get("port", ""))
    entry |= {key: value for key, value in arguments.items() if key.isupper()}
    options = {key: value for key, value in arguments.items() if not key.isupper()}
    options.setdefault("application_name", name)
    base = connections.databases["default"]
    connections.databases[name] = {**base, **entry, "OPTIONS": options}
    return Alias(Monitor(params), name)  # type: ignore[arg-type]


@contextmanager
def pool_on(
    run: Run, settings: dict[str, Any] | None = None, *, pools: int = 1, **options: Any
) -> Iterator[tuple[Postgres, Alias]]:
    """A server of its own and an alias on it, with the server's sessions counted; at the end the
    alias has to be as good as new. ``pools``: in so many processes at a time."""
    with Postgres(settings) as postgres:
        alias = make_alias(postgres.params, **options)
        alias.server.execute("SELECT 1")
        with counted(run.outcome, postgres.params, pools * options["maxsize"]):
            yield postgres, alias
            look_at_the_ruins(alias, run.outcome)


@contextmanager
def counted(outcome: Outcome, params: dict[str, Any], maxsize: int) -> Iterator[Samples]:
    """Have the sessions counted from outside; too many of them are a loss."""
    dsn = make_dsn(**params, application_name=f"{MINE}sampler")
    with sampling(dsn, NOT_MINE, maxsize=maxsize, pause=0.002) as samples:
        yield samples
    outcome.above += samples.above
    outcome.check(samples.count > 10, f"only {samples.count} samples of the sessions")
    remark = f"at most {samples.steady} sessions of maxsize={maxsize}"
    if remark not in outcome.remarks:
        outcome.remarks.append(remark)


def look_at_the_ruins(alias: Alias, outcome: Outcome) -> None:
    """Every slot can be had at once, nothing is open, and at the end the server has nothing."""
    pool = alias.pool
    outcome.slots += pool.maxsize - usable(alias)
    with suppress(AssertionError):
        eventually(lambda: not _busy(pool.snapshot()))
    outcome.slots += _busy(pool.snapshot())
    with suppress(AssertionError):
        eventually(lambda: not _in_transaction(alias))  # one may be ending
    outcome.in_transaction += _in_transaction(alias)
    alias.close()
    alias.wrapper.close_pool()
    with suppress(AssertionError):
        eventually(lambda: alias.backends == 0)
    outcome.sessions += alias.backends


def usable(alias: Alias) -> int:
    """How many of the slots can be had at the same time."""
    maxsize, pids = alias.pool.maxsize, set()

    def hold() -> None:
        with alias.request():
            pids.add(alias.pid())
            eventually(lambda: len(pids) == maxsize, seconds=20)

    with running(*[hold] * maxsize) as greenlets:
        gevent.joinall(greenlets, timeout=25)
    return len(pids)


def _in_transaction(alias: Alias) -> int:
    return sum("transaction" in state for state in alias.states)


def _busy(snapshot: Any) -> int:
    return int(snapshot.in_use + snapshot.opening + snapshot.waiting)


def free_port() -> int:
    """Not one of those that the kernel gives to whoever asks for any: those are taken by others
    while the server is down."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as listener:
            listener.bind((LOCALHOST, port))
            return port


def on_tcp() -> dict[str, Any]:
    """Settings of a server that listens on the network of this machine, too."""
    return {"listen_addresses": LOCALHOST, "port": free_port()}
