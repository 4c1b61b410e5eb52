"""Two servers in streaming replication: the primary dies, or is not the primary any more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from django.db import Error
from support.aliases import Alias
from support.waiting import eventually, running

from loadtests.replica import PRIMARY, Standby, commit_on_both

from .cluster import Postgres
from .outcome import Outcome, Run
from .proxy import Proxy
from .world import free_port, look_at_the_ruins, make_alias, on_tcp

_INSERT = "INSERT INTO token VALUES (%s) RETURNING value"
_STEP = 5.5
"""The longest step of the back-off, and a bit."""


class Writers:
    """So many visitors insert tokens; ``kept`` are those whose commit was confirmed."""

    def __init__(self, alias: Alias, visitors: int) -> None:
        self.kept: list[str] = []
        self.times: list[float] = []
        self.errors: Counter[str] = Counter()
        self.last_error = 0.0
        self._alias, self._visitors, self._done = alias, visitors, False

    def __enter__(self) -> Writers:
        self._greenlets = [gevent.spawn(self._write, n) for n in range(self._visitors)]
        return self

    def __exit__(self, *exception: object) -> None:
        self._done = True
        gevent.joinall(self._greenlets, timeout=30)
        self.hung = sum(not greenlet.dead for greenlet in self._greenlets)
        gevent.killall(self._greenlets)

    def _write(self, visitor: int) -> None:
        number = 0
        while not self._done:
            number += 1
            token = f"{visitor}/{number}"
            try:
                self._alias.ask(_INSERT, token)
            except Error as error:
                self.errors[str(error).splitlines()[0][:60]] += 1
                self.last_error = time.monotonic()
            else:
                self.kept.append(token)
                self.times.append(time.monotonic())
            gevent.sleep(0.01)

    def wait_for(self, more: int, seconds: float = 30) -> None:
        goal = len(self.kept) + more
        eventually(lambda: len(self.kept) >= goal, f"no writes: {self.errors}", seconds=seconds)


@contextmanager
def two_servers(**settings: Any) -> Iterator[tuple[Postgres, Standby, dict[str, Any]]]:
    """Primary, standby, and what libpq needs to find the one that takes writes."""
    with Postgres({**PRIMARY, **settings}) as primary:
        alias = make_alias(primary.params)
        alias.server.execute("CREATE TABLE token (value text)")
        alias.server.close()  # type: ignore[attr-defined]  # a Monitor
        other = {**settings, "port": free_port()} if settings else {}
        with Standby(primary, other) as standby:
            commit_on_both(primary)
            hosts = f"{primary.params['host']},{standby.params['host']}"
            ports = f"{primary.params['port']},{standby.params['port']}"
            yield primary, standby, {"HOST": hosts, "PORT": ports}


def failover(run: Run) -> None:
    """20 writers; the primary crashes, two seconds later its standby is promoted."""
    for _ in range(run.pick(3, 1)):
        with two_servers() as (primary, standby, hosts):
            alias = make_alias(
                standby.params,
                maxsize=10,
                maxwait=20,
                target_session_attrs="read-write",
                **hosts,
            )
            with Writers(alias, 20) as writers:
                writers.wait_for(200)
                primary.stop("immediate")
                gevent.sleep(2)
                # But for a look whether it is the primary by now.
                eventually(lambda a=alias: not a.server.backends(a.name), "work on a standby")
                standby.promote()
                promoted = time.monotonic()
                writers.wait_for(200)
            _judge(run.outcome, alias, writers, promoted)
            look_at_the_ruins(alias, run.outcome)


def _judge(outcome: Outcome, alias: Alias, writers: Writers, promoted: float) -> None:
    outcome.tried += len(writers.kept) + writers.errors.total()
    outcome.hung += writers.hung
    there = {value for (value,) in alias.server.execute("SELECT value FROM token")}
    outcome.foreign += len(set(writers.kept) - there)  # told that it was written, and it was not
    first = min(moment for moment in writers.times if moment > promoted) - promoted
    outcome.check(first < _STEP, f"the first write {first:.1f} s after the promotion")
    late = writers.last_error - promoted
    outcome.check(late < _STEP, f"errors until {late:.1f} s after the promotion")
    outcome.remarks.append(
        f"{len(writers.kept):,} writes confirmed and kept; the first {first:.2f} s after the "
        f"promotion; errors {writers.errors.total():,}"
    )


def demoted(run: Run) -> None:
    """A virtual address leads to a standby for a while: it takes reads and refuses writes."""
    settings = on_tcp()
    with two_servers(**settings) as (primary, standby, _), Proxy(settings["port"]) as proxy:
        alias = make_alias(primary.params, maxsize=5, maxwait=20, **proxy.params)
        with Writers(alias, 10) as writers:
            for _ in range(run.pick(10, 2)):
                writers.wait_for(100)
                proxy.target = standby.params["port"]
                alias.pool.drain()
                refused = writers.errors.total()
                eventually(lambda n=refused: writers.errors.total() > n + 20)
                proxy.target = settings["port"]
                moved = time.monotonic()
                writers.wait_for(100)
                eventually(lambda: len(alias.pids) > 0)
        late = writers.last_error - moved
        run.outcome.tried += len(writers.kept) + writers.errors.total()
        run.outcome.hung += writers.hung
        run.outcome.check(late < _STEP, f"writes were refused for {late:.1f} s more")
        wrong = {text for text in writers.errors if "read-only transaction" not in text}
        run.outcome.check(not wrong, f"other errors: {wrong}")
        demotions = alias.pool.snapshot().evictions.get("demoted", 0)
        run.outcome.check(demotions, "no connection was closed for its read-only server")
        run.outcome.remarks.append(
            f"{writers.errors.total()} writes refused, {demotions} connections given up for it"
        )
        with running(lambda: alias.ask(_INSERT, "last")) as greenlets:
            gevent.joinall(greenlets, timeout=30)
        look_at_the_ruins(alias, run.outcome)
        standby.stop("immediate")
