"""The engines under Django that are compared with each other, each set up as its documentation
says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .postgres import django_database

OWN = "django_pgpool"
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
    """What is installed for it in an environment of its own; nothing: it runs in this one."""

    def database(self, url: str) -> dict[str, Any]:
        """The DATABASES entry, for the server of ``url``."""
        return {**django_database(url, self.engine, **self.options), **self.settings}


PGPOOL = Engine(
    OWN,
    OWN,
    "CONN_MAX_AGE=0, maxsize=20, else default options; psycopg2, made green by the engine",
    {"CONN_MAX_AGE": 0},
    {"maxsize": 20},
    green=False,
)
PERSISTENT = Engine(
    "Django, CONN_MAX_AGE=None",
    STOCK,
    "persistent: the pair ends with close_if_unusable_or_obsolete(), as request_finished does;"
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

_GEVENTPOOL = "django_db_geventpool.backends.postgresql_psycopg"
_GEVENTPOOL_OPTIONS = {"MAX_CONNS": 20, "REUSE_CONNS": 10, "pool": False}
_GEVENTPOOL_ABOUT = "CONN_MAX_AGE=0, MAX_CONNS=20, REUSE_CONNS=10, pool=False, as in its README"
GEVENTPOOL2 = Engine(
    "django-db-geventpool, psycopg2",
    f"{_GEVENTPOOL}2",
    f"{_GEVENTPOOL_ABOUT}; psycopg2 + psycogreen",
    {"CONN_MAX_AGE": 0},
    _GEVENTPOOL_OPTIONS,
    requirements=("django-db-geventpool", "psycopg2-binary", "psycogreen"),
)
GEVENTPOOL3 = Engine(
    "django-db-geventpool, psycopg 3",
    f"{_GEVENTPOOL}3",
    f"{_GEVENTPOOL_ABOUT}; psycopg[binary]",
    {"CONN_MAX_AGE": 0},
    _GEVENTPOOL_OPTIONS,
    green=False,
    requirements=("django-db-geventpool", "psycopg[binary]"),
)

ENGINES = (PGPOOL, PERSISTENT, UNPOOLED, GEVENTPOOL2, GEVENTPOOL3)
