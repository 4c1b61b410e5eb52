"""Who takes part, each set up as its documentation says, with the same limits where it has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..engines import (
    GEVENTPOOL2,
    GEVENTPOOL3,
    NATIVE,
    NATIVE_FULL,
    OWN,
    PERSISTENT,
    PGPOOL,
    SQLALCHEMY,
    UNPOOLED,
    Engine,
)
from ..errors import LoadTestError
from ..scenarios import PoolSettings

LOAD = ("hdrhistogram",)
"""What the load needs in another environment, beside Django, gevent and the driver."""
PGBOUNCER = "pgbouncer"
"""Also chooses all that need it."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """An engine, and whether PgBouncer stands between it and the server."""

    name: str
    """To be chosen by."""
    engine: Engine
    documentation: str
    """Where its settings come from."""
    bouncer: Mapping[str, Any] | None = None
    """PgBouncer's settings; None: without it."""
    extra: bool = False
    """Takes part only if it is named."""

    @property
    def is_own(self) -> bool:
        """It is what the others are compared with."""
        return self.name == OWN

    @property
    def requirements(self) -> tuple[str, ...]:
        """What is installed for it in an environment of its own; nothing: it runs in this one."""
        requirements = self.engine.requirements
        return (*requirements, *LOAD) if requirements else ()


_DJANGO = "https://docs.djangoproject.com/en/stable/ref/databases/"
_GEVENTPOOL = "https://github.com/jneight/django-db-geventpool#settings"
_SQLALCHEMY = "https://github.com/altairbow/django-db-connection-pool"
_PSYCOPG = "https://www.psycopg.org/psycopg3/docs/api/pool.html"
_PGBOUNCER = "https://www.pgbouncer.org/config.html"
_POOLER = f"{_DJANGO}#transaction-pooling-and-server-side-cursors, {_PGBOUNCER}"
_OURS = "README.md"

_SHARED = {"CONN_MAX_AGE": 0, "DISABLE_SERVER_SIDE_CURSORS": True}
"""What Django's documentation asks for behind a pooler in transaction mode."""

_PER_GREENLET = (
    "each request is a greenlet, which has its own connection until the greenlet is collected"
)


def contestants(pool: PoolSettings) -> tuple[Contestant, ...]:
    """All there are, django_pgpool first."""
    size = pool.maxsize
    own = asdict(pool)
    pgpool = replace(PGPOOL, options=own, about=_about("CONN_MAX_AGE=0", own))
    reuse = {"MAX_CONNS": size, "REUSE_CONNS": size, "pool": False}
    reuse_about = _about("CONN_MAX_AGE=0", reuse, "no limits to waiting, idleness and age")
    times = {"timeout": pool.maxwait, "max_idle": pool.cleanup, "max_lifetime": pool.expires}
    sqlalchemy: dict[str, float] = {"POOL_SIZE": size, "MAX_OVERFLOW": 0}
    sqlalchemy |= {"TIMEOUT": pool.maxwait, "RECYCLE": pool.expires}
    bouncer = {
        "default_pool_size": size,
        "query_wait_timeout": pool.maxwait,
        "server_idle_timeout": pool.cleanup,
        "server_lifetime": pool.expires,
    }
    behind = _about("PgBouncer: pool_mode=transaction", bouncer)
    return (
        Contestant("django_pgpool", pgpool, _OURS),
        Contestant("django", UNPOOLED, f"{_DJANGO}#persistent-database-connections"),
        Contestant(
            "persistent",
            replace(PERSISTENT, about=f"{PERSISTENT.about}; {_PER_GREENLET}"),
            f"{_DJANGO}#persistent-database-connections",
        ),
        Contestant(
            "geventpool",
            replace(GEVENTPOOL2, options=reuse, about=f"{reuse_about}; psycopg2 + psycogreen"),
            _GEVENTPOOL,
        ),
        Contestant(
            "geventpool3",
            replace(GEVENTPOOL3, options=reuse, about=f"{reuse_about}; psycopg[binary]"),
            _GEVENTPOOL,
            extra=True,
        ),
        _native("native", NATIVE, {"min_size": 0, "max_size": size, **times}),
        _native("native-full", NATIVE_FULL, {"min_size": size, "max_size": size, **times}),
        Contestant(
            "sqlalchemy",
            replace(
                SQLALCHEMY,
                name="django-db-connection-pool",
                settings={"CONN_MAX_AGE": 0, "POOL_OPTIONS": sqlalchemy},
                about=_about("CONN_MAX_AGE=0", sqlalchemy, "SQLAlchemy's; psycopg2 + psycogreen"),
            ),
            _SQLALCHEMY,
        ),
        Contestant(
            PGBOUNCER,
            replace(
                UNPOOLED,
                name="PgBouncer, Django's own engine",
                settings=_SHARED,
                about=f"{behind}; {_about('Django', _SHARED)}; psycopg2 + psycogreen",
            ),
            _POOLER,
            bouncer,
        ),
        Contestant(
            f"{PGBOUNCER}+django_pgpool",
            replace(
                pgpool,
                name="PgBouncer, django_pgpool",
                settings=_SHARED,
                # What a session holds is PgBouncer's to share: it is not ours to reset.
                options={**own, "reset": "never"},
                about=f"{behind}; {_about('django_pgpool', {**_SHARED, **own, 'reset': 'never'})}",
            ),
            f"{_OURS}, {_POOLER}",
            bouncer,
        ),
    )


def _native(name: str, engine: Engine, options: Mapping[str, Any]) -> Contestant:
    full = options["min_size"] == options["max_size"]
    engine = replace(
        engine,
        name="Django's native pool" + (f", min_size={options['min_size']}" if full else ""),
        options={"pool": dict(options)},
        about=_about("CONN_MAX_AGE=0, pool", options, "psycopg[binary,pool]"),
    )
    return Contestant(name, engine, f"{_DJANGO}#connection-pool, {_PSYCOPG}")


def _about(first: str, settings: Mapping[str, Any], last: str = "") -> str:
    """In words; numbers as short as they are."""
    words = [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in settings.items()
    ]
    return "; ".join(filter(None, [", ".join([first, *words]), last]))


def chosen(pool: PoolSettings, names: str | None, without: str | None) -> list[Contestant]:
    """Those named, with commas between them, or all that are not extra; less those ``without``.

    django_pgpool always takes part: the others are compared with it. Raises LoadTestError.
    """
    there = contestants(pool)
    wanted = _names("--engines", names, there) if names else None
    unwanted = _names("--without", without, there) if without else []
    if PGBOUNCER in unwanted:
        unwanted += [one.name for one in there if one.bouncer is not None]
    if OWN in unwanted:
        raise LoadTestError(f"--without {OWN}: the others are compared with it")
    found = [
        one
        for one in there
        if one.name not in unwanted
        and (one.name == OWN or (one.name in wanted if wanted else not one.extra))
    ]
    if len(found) < 2:
        raise LoadTestError(f"nobody to compare {OWN} with; there are {_listed(there)}")
    return found


def _names(option: str, text: str, there: Sequence[Contestant]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in [one.name for one in there]:
            raise LoadTestError(f"{option} {name}: there is no such engine, only {_listed(there)}")
    return names


def _listed(there: Sequence[Contestant]) -> str:
    return ", ".join(one.name for one in there)
