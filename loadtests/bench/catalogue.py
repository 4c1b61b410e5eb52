"""What is measured, and what is compared with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..postgres import django_database
from .measures.django_statement import STATEMENTS

MICROSECONDS = "us"
OWN = "django_pgpool"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table: a number that each round of a subject yields."""

    key: str
    label: str
    unit: str = MICROSECONDS
    base: str | None = None
    """The series to which the ratio is taken: name of the subject, dot, key of the metric."""
    at_most: float | None = None
    """Target of the median."""
    ratio_at_most: float | None = None
    """Target of the ratio."""


@dataclass(frozen=True, slots=True)
class Django:
    """Settings of a database engine under Django."""

    engine: str
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    end: str = "close"
    """The method that gives the connection back at the end of a request."""
    green: bool = True
    """psycogreen has to be called, as the engine's documentation says."""

    def arguments(self, url: str) -> dict[str, Any]:
        """Those of the measures under Django, on the server of ``url``."""
        database = {**django_database(url, self.engine, **self.options), **self.settings}
        return {"database": database, "end": self.end, "green": self.green}


@dataclass(frozen=True, slots=True)
class Subject:
    """What one worker process measures, round after round."""

    name: str
    section: str
    measure: str
    metrics: tuple[Metric, ...]
    settings: str
    """How it is set up, in words."""
    django: Django | None = None
    requirements: tuple[str, ...] = ()
    """Of a peer: what is installed for it, in an environment of its own."""

    @property
    def peer(self) -> bool:
        return bool(self.requirements)

    def arguments(self, url: str) -> dict[str, Any]:
        return self.django.arguments(url) if self.django else {}

    def series(self, metric: Metric) -> str:
        """The name of the numbers of one metric."""
        return f"{self.name}.{metric.key}"


ALONE = Subject(
    name="alone",
    section="pool alone, fake connection, liveness poll excluded",
    measure="alone",
    metrics=(
        Metric("floor", "floor: two monotonic(), deque pop and append"),
        Metric(
            "pair", f"{OWN}: acquire + release", base="alone.floor", at_most=1.5, ratio_at_most=10
        ),
    ),
    settings="default options",
)
CONTENDED = Subject(
    name="contended",
    section="200 greenlets over 20 fake connections, each held for one gevent.sleep(0)",
    measure="contended",
    metrics=(
        Metric("floor", "floor: the gevent.sleep(0) alone", unit="us CPU"),
        Metric(
            "cpu", f"{OWN}: one operation, sleep included", unit="us CPU", base="contended.floor"
        ),
        Metric("spread", f"{OWN}: operations per greenlet", unit="CV", at_most=0.02),
    ),
    settings="default options; CPU: process_time; CV: coefficient of variation",
)


def _pair(name: str, django: Django, settings: str, *requirements: str) -> Subject:
    return Subject(
        name=name,
        section="Django: ensure_connection() + close(), one greenlet, PostgreSQL",
        measure="django_pair",
        metrics=(Metric("pair", name, base=f"{OWN}.pair"),),
        settings=settings,
        django=django,
        requirements=requirements,
    )


STOCK = "django.db.backends.postgresql"
PERSISTENT = Django(STOCK, {"CONN_MAX_AGE": None}, end="close_if_unusable_or_obsolete")
GEVENTPOOL = "django_db_geventpool.backends.postgresql_psycopg"
GEVENTPOOL_OPTIONS = {"MAX_CONNS": 20, "REUSE_CONNS": 10, "pool": False}
GEVENTPOOL_SETTINGS = "CONN_MAX_AGE=0, MAX_CONNS=20, REUSE_CONNS=10, pool=False, as in its README"

PAIRS = (
    _pair(
        OWN,
        Django(OWN, {"CONN_MAX_AGE": 0}, {"maxsize": 20}, green=False),
        "CONN_MAX_AGE=0, maxsize=20, else default options; psycopg2, made green by the engine",
    ),
    _pair(
        "Django, CONN_MAX_AGE=None",
        PERSISTENT,
        "persistent: the pair ends with close_if_unusable_or_obsolete(), as request_finished does;"
        " psycopg2 + psycogreen",
    ),
    _pair(
        "Django, CONN_MAX_AGE=0",
        Django(STOCK, {"CONN_MAX_AGE": 0}),
        "a new connection each time; psycopg2 + psycogreen",
    ),
    _pair(
        "django-db-geventpool, psycopg2",
        Django(f"{GEVENTPOOL}2", {"CONN_MAX_AGE": 0}, GEVENTPOOL_OPTIONS),
        f"{GEVENTPOOL_SETTINGS}; psycopg2 + psycogreen",
        "django-db-geventpool",
        "psycopg2-binary",
        "psycogreen",
    ),
    _pair(
        "django-db-geventpool, psycopg 3",
        Django(f"{GEVENTPOOL}3", {"CONN_MAX_AGE": 0}, GEVENTPOOL_OPTIONS, green=False),
        f"{GEVENTPOOL_SETTINGS}; psycopg[binary]",
        "django-db-geventpool",
        "psycopg[binary]",
    ),
)


UNRESET = "reset=never"


def _statement(name: str, django: Django, settings: str) -> Subject:
    return Subject(
        name=name,
        section="Django: ensure_connection() + one statement + close(), one greenlet, PostgreSQL",
        measure="django_statement",
        metrics=tuple(
            Metric(key, f"{name}: {statement}", base=f"{UNRESET}.{key}")
            for key, statement in STATEMENTS.items()
        ),
        settings=settings,
        django=django,
    )


def _reset(mode: str, settings: str) -> Subject:
    django = Django(OWN, {"CONN_MAX_AGE": 0}, {"maxsize": 20, "reset": mode}, green=False)
    return _statement(f"reset={mode}", django, f"as {OWN}; {settings}")


RESETS = (
    _reset("never", "the session stays as it is"),
    _reset("auto", "the default: reset after the SET, not after the SELECT"),
    _reset("always", "reset after both"),
    _statement("Django, persistent", PERSISTENT, "as Django, CONN_MAX_AGE=None; no reset"),
)

SUBJECTS = (ALONE, CONTENDED, *PAIRS, *RESETS)
"""In the order in which each round goes through them."""
