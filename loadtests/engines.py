"""The engines under Django that are compared with each other, each set up as its documentation
says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .postgres import django_database

OWN = "django_pgpool"
MAXSIZE = 20
"""Connections of each engine that has a limit."""
STOCK = "django.db.backends.postgresql"


@dataclass(frozen=True, slots=True)
class Engine:
    """A database engine under Django, with its settings."""

    name: str
    engine: str
    """Django's ENGINE."""
    about: str
    """How it is set up, in words."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Beside OPTIONS."""
    options: dict[str, Any] = field(default_factory=dict)
    """OPTIONS."""
    end: str = "close"
    """The method that gives the connection back at the end of a request."""
    green: bool = True
    """psycogreen has to be called, as the engine's documentation says."""
    requirements: tuple[str, ...] = ()
    """What is installed for it in another environment; nothing: it runs in this one."""

    def database(self, url: str, **options: Any) -> dict[str, Any]:
        """The DATABASES entry, for the server of ``url``, with further or other OPTIONS."""
        options = {**self.options, **options}
        return {**django_database(url, self.engine, **options), **self.settings}


PGPOOL = Engine(
    OWN,
    OWN,
    f"CONN_MAX_AGE=0, maxsize={MAXSIZE}, else default options; psycopg2, made green by the engine",
    {"CONN_MAX_AGE": 0},
    {"maxsize": MAXSIZE},
    green=False,
)
PERSISTENT = Engine(
    "Django, CONN_MAX_AGE=None",
    STOCK,
    "persistent: ends with close_if_unusable_or_obsolete(), as request_finished does;"
    " psycopg2 + psycogreen",
    {"CONN_MAX_AGE": None},
    end="close_if_unusable_or_obsolete",
)
UNPOOLED = Engine(
    "Django, CONN_MAX_AGE=0",
    STOCK,
    "a new connection each time; psycopg2 + psycogreen",
    {"CONN_MAX_AGE": 0},
)

_WITH_PSYCOPG2 = (
    "django-db-connection-pool[psycopg2]",
    "django-db-geventpool",
    "psycogreen",
    "psycopg2-binary",
)
_WITH_PSYCOPG3 = ("django-db-geventpool", "psycopg[binary,pool]")
"""One environment for each driver, to save time: Django uses psycopg 3 wherever it is there."""

_GEVENTPOOL = "django_db_geventpool.backends.postgresql_psycopg"
_GEVENTPOOL_OPTIONS = {"MAX_CONNS": MAXSIZE, "REUSE_CONNS": 10, "pool": False}
_GEVENTPOOL_ABOUT = "CONN_MAX_AGE=0, MAX_CONNS=20, REUSE_CONNS=10, pool=False, as in its README"
GEVENTPOOL2 = Engine(
    "django-db-geventpool, psycopg2",
    f"{_GEVENTPOOL}2",
    f"{_GEVENTPOOL_ABOUT}; psycopg2 + psycogreen",
    {"CONN_MAX_AGE": 0},
    _GEVENTPOOL_OPTIONS,
    requirements=_WITH_PSYCOPG2,
)
GEVENTPOOL3 = Engine(
    "django-db-geventpool, psycopg 3",
    f"{_GEVENTPOOL}3",
    f"{_GEVENTPOOL_ABOUT}; psycopg[binary]",
    {"CONN_MAX_AGE": 0},
    _GEVENTPOOL_OPTIONS,
    green=False,
    requirements=_WITH_PSYCOPG3,
)

GEVENTPOOL_REUSING = replace(
    GEVENTPOOL2,
    name=f"django-db-geventpool, REUSE_CONNS={MAXSIZE}",
    about=f"CONN_MAX_AGE=0, MAX_CONNS={MAXSIZE}, REUSE_CONNS as many, its default, pool=False;"
    " psycopg2 + psycogreen",
    options={**_GEVENTPOOL_OPTIONS, "REUSE_CONNS": MAXSIZE},
)
NATIVE = Engine(
    "Django's native pool, psycopg 3",
    STOCK,
    f"CONN_MAX_AGE=0, pool: min_size 0, max_size {MAXSIZE}, timeout 30; psycopg[binary,pool]",
    {"CONN_MAX_AGE": 0},
    {"pool": {"min_size": 0, "max_size": MAXSIZE, "timeout": 30}},
    green=False,
    requirements=_WITH_PSYCOPG3,
)
NATIVE_FULL = replace(
    NATIVE,
    name=f"Django's native pool, min_size={MAXSIZE}",
    about=f"as {NATIVE.name}, but it fills itself once it is used, and never shrinks",
    options={"pool": {**NATIVE.options["pool"], "min_size": MAXSIZE}},
)

_SQLALCHEMY = "dj_db_conn_pool.backends.postgresql"
_SQLALCHEMY_OPTIONS = {"POOL_SIZE": MAXSIZE, "MAX_OVERFLOW": 0}
_SQLALCHEMY_ABOUT = (
    f"django-db-connection-pool, CONN_MAX_AGE=0, POOL_SIZE={MAXSIZE}, MAX_OVERFLOW=0"
)
SQLALCHEMY = Engine(
    "SQLAlchemy's pool",
    _SQLALCHEMY,
    f"{_SQLALCHEMY_ABOUT}, pre-ping as it is by default; psycopg2 + psycogreen",
    {"CONN_MAX_AGE": 0, "POOL_OPTIONS": _SQLALCHEMY_OPTIONS},
    requirements=_WITH_PSYCOPG2,
)
SQLALCHEMY_BLIND = Engine(
    "SQLAlchemy's pool, PRE_PING=False",
    _SQLALCHEMY,
    f"{_SQLALCHEMY_ABOUT}, PRE_PING=False; psycopg2 + psycogreen",
    {"CONN_MAX_AGE": 0, "POOL_OPTIONS": {**_SQLALCHEMY_OPTIONS, "PRE_PING": False}},
    requirements=_WITH_PSYCOPG2,
)

FREE = Engine(
    "free pool, cut short",
    "loadtests.free_pool.short",
    "the free pool with connect() and close() as short as can be",
    {"CONN_MAX_AGE": 0},
    {"maxsize": MAXSIZE},
)
FREE_ON_DJANGOS_WAY = Engine(
    "free pool",
    "loadtests.free_pool",
    f"a list of at most {MAXSIZE} connections, fair hand-over, no checks, under Django's own"
    " connect() and close(): the reference, not for use; psycopg2 + psycogreen",
    {"CONN_MAX_AGE": 0},
    {"maxsize": MAXSIZE},
)

ENGINES = (
    PGPOOL,
    PERSISTENT,
    UNPOOLED,
    GEVENTPOOL2,
    GEVENTPOOL_REUSING,
    GEVENTPOOL3,
    NATIVE,
    NATIVE_FULL,
    SQLALCHEMY,
    SQLALCHEMY_BLIND,
)
"""What a site can choose from: all but the free pool."""
