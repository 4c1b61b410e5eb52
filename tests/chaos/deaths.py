"""Callers that die, wherever they are."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from random import Random

import gevent
from django.db import transaction
from django.db.backends.signals import connection_created
from gevent.pool import Pool as Crowd
from support.aliases import Alias
from support.waiting import eventually

from .outcome import Outcome, Run
from .world import pool_on

PATIENCE = 60
"""Seconds after which what has not ended has hung."""
_SLEEP = 0.004
_CROWD = 150

FATES = ("nothing", "nothing", "timeout", "kill", "killed at a place", "killed at once")
PLACES = ("queued", "connecting", "querying", "in transaction", "rolling back", "releasing")


def kills(run: Run) -> None:
    """10,000 greenlets over a pool of 5."""
    count, maxsize = run.pick(10_000, 900), 5
    options = {"maxwait": PATIENCE, "expires": 0.4, "cleanup": 0.1}
    with pool_on(run, maxsize=maxsize, **options) as (_, alias):
        alias.server.execute("CREATE TABLE token (value text)")
        stages: Counter[str] = Counter()
        crowd, visitors = Crowd(_CROWD), []

        def connecting(connection: object, **_: object) -> None:
            visitor = getattr(gevent.getcurrent(), "visitor", None)
            if visitor is not None:
                visitor.connecting(connection)

        connection_created.connect(connecting)
        for number in range(count):
            visitor = Visitor(alias, number, run.chance, run.outcome, stages)
            visitor.start(crowd)
            visitors.append(visitor)
        crowd.join(timeout=PATIENCE)
        run.outcome.hung += len(crowd)
        run.outcome.tried = count
        told = ", ".join(f"{place} {n}" for place, n in sorted(stages.items()))
        run.outcome.remarks.append(f"died while {told}; {alias.pool.snapshot().openings} openings")
        for place in PLACES:
            run.outcome.check(stages[place], f"nobody has died while {place}")


class Visitor:
    """One greenlet with a fate."""

    def __init__(
        self, alias: Alias, number: int, chance: Random, outcome: Outcome, stages: Counter[str]
    ) -> None:
        self.alias, self.outcome, self.stages = alias, outcome, stages
        self.token = f"token {number}"
        self.chance = chance
        self.fate = chance.choice(FATES)
        self.place = chance.choice(PLACES)
        self.stage = "not begun"

    def start(self, crowd: Crowd) -> None:
        """May wait until there is room in the crowd."""
        greenlet = crowd.spawn(self.live)
        greenlet.visitor = self
        if self.fate == "killed at once":
            greenlet.kill(block=False)
        elif self.fate == "kill":
            gevent.spawn_later(self.chance.uniform(0, 0.2), greenlet.kill, block=False)

    def live(self) -> None:
        touched = self.fate != "nothing"
        seconds = self.chance.uniform(0, 0.15) if self.fate == "timeout" else PATIENCE
        try:
            with gevent.Timeout(seconds):
                works = [self.query, self.query, self.write, self.by_hand]
                if self.fate in ("timeout", "kill"):
                    works.append(self.linger)
                self.visit(self.chance.choice(works))
        except (gevent.Timeout, gevent.GreenletExit):
            self.stages[self.stage] += 1
            if not touched:
                self.outcome.fail("untouched, and timed out")
        except Exception as error:
            self.outcome.fail(error)

    def visit(self, work: Callable[[], None]) -> None:
        with self.alias.request() as wrapper:
            self.at("queued")
            wrapper.ensure_connection()
            self.at("querying")
            self.check(self.alias.value("SELECT current_setting('own.token', true)") or "", "")
            work()
            self.at("releasing")
        self.stage = "left"

    def at(self, stage: str) -> None:
        self.stage = stage
        if self.fate == "killed at a place" and self.place == stage:
            # It arrives at the next switch.
            gevent.get_hub().loop.run_callback(gevent.getcurrent().throw)

    def check(self, value: str, expected: str) -> None:
        self.outcome.foreign += value != expected

    def connecting(self, connection: object) -> None:
        """Inside Django's connect(), as a handler of connection_created."""
        self.at("connecting")
        if self.chance.random() < 0.5:
            self.query()

    def query(self) -> None:
        sql = "SELECT %s || left(pg_sleep(%s)::text, 0)"
        self.check(self.alias.value(sql, self.token, self.chance.random() * _SLEEP), self.token)

    def linger(self) -> None:
        """A statement that would run on at the server for long."""
        self.alias.value("SELECT pg_sleep(30)")

    def write(self) -> None:
        with transaction.atomic(using=self.alias.name):
            self.at("in transaction")
            # True: to the end of the transaction.
            sql = "SELECT set_config('own.token', %s, true)"
            self.check(self.alias.value(sql, self.token), self.token)
            with self.alias.wrapper.cursor() as cursor:
                cursor.execute("INSERT INTO token VALUES (%s)", [self.token])
            self.query()
            self.check(self.alias.value("SELECT current_setting('own.token', true)"), self.token)
            if self.chance.random() < 0.5:
                self.at("rolling back")
                transaction.set_rollback(True, using=self.alias.name)

    def by_hand(self) -> None:
        """A transaction that nobody ends, so the release has to."""
        self.alias.wrapper.set_autocommit(False)
        self.query()
        self.at("rolling back")


def unclosed(run: Run) -> None:
    """10,000 greenlets one after the other and 10,000 together, without the garbage collector."""
    count = run.pick(10_000, 1_000)
    with pool_on(run, maxsize=5, maxwait=PATIENCE) as (_, alias):
        gc.disable()
        for number in range(count):
            _careless(alias, number, run.outcome).join(PATIENCE)
        longest = alias.pool.snapshot().wait_seconds_max
        run.outcome.check(longest < 5, f"one after the other, somebody waited {longest:.1f} s")
        greenlets = [_careless(alias, number, run.outcome) for number in range(count)]
        gevent.joinall(greenlets, timeout=PATIENCE)
        gc.enable()
        run.outcome.tried = 2 * count
        run.outcome.hung += sum(not greenlet.dead for greenlet in greenlets)
        eventually(lambda: alias.pool.snapshot().in_use == 0)
        snapshot = alias.pool.snapshot()
        run.outcome.requests += snapshot.exhausted
        run.outcome.check(
            snapshot.reclaimed == 2 * count, f"{snapshot.reclaimed} of {2 * count} reclaimed"
        )
        run.outcome.remarks.append(
            f"longest wait {longest * 1000:.0f} ms one after the other, "
            f"{snapshot.wait_seconds_max:.1f} s in a queue of {count:,}"
        )


def _careless(alias: Alias, number: int, outcome: Outcome) -> gevent.Greenlet:
    end = ("returns", "fails", "is killed", "leaves a transaction", "leaves atomic")[number % 5]

    def work() -> None:
        if end == "leaves atomic":
            transaction.atomic(using=alias.name).__enter__()
        elif end == "leaves a transaction":
            alias.wrapper.set_autocommit(False)
        try:
            outcome.foreign += alias.value("SELECT %s", number) != number
        except Exception as error:
            outcome.fail(error)
            raise
        if end == "fails":
            raise ZeroDivisionError
        if end == "is killed":
            gevent.getcurrent().kill()

    return gevent.spawn(work)
