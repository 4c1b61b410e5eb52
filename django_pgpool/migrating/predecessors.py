"""The pools people come from, option by option.

One table for three: the engine refuses old names with these words, the command translates by it,
and a test holds docs/migrating.md together with it. Nothing of Django is imported here.
"""

from __future__ import annotations

from .predecessor import BESIDE, CALL, NATIVE, OPTIONS, Old, Predecessor

PGPOOL, POSTGIS = "django_pgpool", "django_pgpool.postgis"
DJANGOS = {
    "django.db.backends.postgresql": PGPOOL,
    "django.db.backends.postgresql_psycopg2": PGPOOL,
    "django.contrib.gis.db.backends.postgis": POSTGIS,
}

_LIMIT = "use 'maxsize'"
_SUM = "use 'maxsize', which is the limit of all connections"
_KEPT = "use 'minsize'"
_WAIT = "use 'maxwait'"
_AGE = "use 'expires'"
_HEALTH = "set CONN_HEALTH_CHECKS beside OPTIONS to True"
_TASK = "use database_task of django_pgpool.greenlets"
_BY_ITSELF = "remove it: this engine makes psycopg2 cooperative by itself"
_NO_SWITCH = "remove it: the engine is a pool, which 'pool': False would switch off"
_NAMES_HERE = "put the names that are used here into OPTIONS"

GEVENTPOOL = Predecessor(
    "django-db-geventpool",
    ("django_db_geventpool",),
    {
        "django_db_geventpool.backends.postgresql_psycopg2": PGPOOL,
        "django_db_geventpool.backends.postgresql_psycopg3": PGPOOL,
        "django_db_geventpool.backends.postgis": POSTGIS,
    },
    OPTIONS,
    (
        Old("MAX_CONNS", _LIMIT, to="maxsize", default=4),
        Old("REUSE_CONNS", "remove it: 'cleanup' says how long an idle connection is kept"),
    ),
    limit=(("MAX_CONNS",),),
    settings=(Old("pool", _NO_SWITCH),),
    code=(
        Old("close_connection", _TASK),
        Old("closeall", "call get_pool(alias).drain(), see django_pgpool.get_pool"),
        Old("patch_psycopg", _BY_ITSELF),
    ),
)

DB_POOL = Predecessor(
    "django-db-pool",
    ("dbpool",),
    {
        "dbpool.db.backends.postgresql_psycopg2": PGPOOL,
        "dbpool.db.backends.postgis": POSTGIS,
    },
    OPTIONS,
    (
        Old("MIN_CONNS", _KEPT, to="minsize"),
        Old("MAX_CONNS", _LIMIT, to="maxsize", default=1),
        Old("TEST_ON_BORROW", _HEALTH, to="CONN_HEALTH_CHECKS"),
        Old("TEST_ON_BORROW_QUERY", "remove it: CONN_HEALTH_CHECKS, beside OPTIONS, pings"),
    ),
    limit=(("MAX_CONNS",),),
)

TRU_SOFTWARE = Predecessor(
    "django_pgpool of tru-software",
    (),
    {"django_pgpool": PGPOOL},
    OPTIONS,
    (
        Old("maxsize", "keep it", to="maxsize", default=100),
        Old("maxwait", "keep it: at least what an opening takes", to="maxwait", unlimited=(0,)),
        Old("expires", "keep it", to="expires", unlimited=(0, None)),
        Old("cleanup", "keep it", to="cleanup", unlimited=(0, None)),
        Old("maxoverflow", _SUM, to="maxsize"),
    ),
    limit=(("maxoverflow",), ("maxsize",)),
)

DB_POOLING = Predecessor(
    "django_db_pooling",
    ("django_db_pooling",),
    {**DJANGOS, "django.db.backends.mysql": PGPOOL},
    CALL,
    (
        Old("set_pool_size", "remove it: 'cleanup' says how long an idle connection is kept"),
        Old("max_outstanding", _LIMIT, to="maxsize", unlimited=(None, 0)),
        Old("timeout", _WAIT, to="maxwait", unlimited=(None,)),
    ),
    limit=(("max_outstanding",),),
    settings=(Old("CONN_MAX_AGE", "set it beside OPTIONS, to 0", to="expires"),),
    code=(
        Old("apply_patch", "remove it: the engine needs no patch"),
        Old("set_pool_size", "remove it: OPTIONS say it"),
    ),
)

_SQLALCHEMY = (
    Old("pool_size", _SUM, to="maxsize", unlimited=(0,), default=5),
    Old("max_overflow", _SUM, to="maxsize", unlimited=(-1,), default=10),
    Old("recycle", _AGE, to="expires", unlimited=(-1, None)),
    Old("timeout", _WAIT, to="maxwait", unlimited=(None,)),
    Old("pre_ping", _HEALTH, to="CONN_HEALTH_CHECKS"),
    Old("echo", "remove it: log the events of 'django_pgpool'"),
)

MYSQLPOOL = Predecessor(
    "django-mysqlpool",
    ("django_mysqlpool",),
    {"django_mysqlpool.backends.mysqlpool": PGPOOL},
    "MYSQLPOOL_ARGUMENTS",
    (
        *_SQLALCHEMY,
        Old("use_threadlocal", "remove it: a connection belongs to one greenlet or thread"),
    ),
    limit=(("pool_size", "max_overflow"),),
    settings=(
        Old("MYSQLPOOL_BACKEND", "remove it: there is one kind of pool"),
        Old("MYSQLPOOL_ARGUMENTS", _NAMES_HERE),
    ),
    code=(Old("auto_close_db", _TASK),),
)

DJANGOS_OWN = Predecessor(
    "Django's native pool",
    (),
    DJANGOS,
    NATIVE,
    (
        Old("min_size", _KEPT, to="minsize", default=4),
        Old("max_size", _LIMIT, to="maxsize"),
        Old("timeout", _WAIT, to="maxwait"),
        Old("max_lifetime", _AGE, to="expires"),
        Old("max_idle", "use 'cleanup'", to="cleanup"),
        Old("max_waiting", "use 'maxwaiting'", to="maxwaiting", unlimited=(0,)),
        Old("check", _HEALTH, to="CONN_HEALTH_CHECKS"),
        Old("reset", "remove it: a session is cleaned, see the option 'reset' of this name"),
        Old("configure", "use the signal connection_created, or libpq's 'options'"),
        Old("reconnect_timeout", "remove it: the pool does not give up"),
        Old("reconnect_failed", "look at the event connection_open_failed"),
        Old("num_workers", "remove it: openings in flight follow the demand"),
        Old("name", "remove it: a pool is named like its alias"),
    ),
    limit=(("max_size",), ("min_size",)),
    settings=(Old("pool", _NO_SWITCH),),
    code=(Old("get_stats", "call django_pgpool.stats(), or get_pool(alias).snapshot()"),),
)

DB_CONNECTION_POOL = Predecessor(
    "django-db-connection-pool",
    ("dj_db_conn_pool",),
    {
        "dj_db_conn_pool.backends.postgresql": PGPOOL,
        "dj_db_conn_pool.backends.postgis": POSTGIS,
        "dj_db_conn_pool.backends.mysql": PGPOOL,
    },
    BESIDE,
    (
        Old("POOL_SIZE", _SUM, to="maxsize", unlimited=(0,), default=10),
        Old("MAX_OVERFLOW", _SUM, to="maxsize", unlimited=(-1,), default=10),
        Old("RECYCLE", _AGE, to="expires", unlimited=(-1, None)),
        Old("TIMEOUT", _WAIT, to="maxwait", unlimited=(None,)),
        Old("PRE_PING", _HEALTH, to="CONN_HEALTH_CHECKS"),
        Old("ECHO", "remove it: log the events of 'django_pgpool'"),
    ),
    limit=(("POOL_SIZE", "MAX_OVERFLOW"),),
    settings=(Old("POOL_OPTIONS", _NAMES_HERE),),
    code=(Old("dj_db_conn_pool.setup", "put what it says into OPTIONS"),),
)

POSTGRESPOOL2 = Predecessor(
    "django-postgrespool2",
    ("django_postgrespool2",),
    {
        "django_postgrespool2": PGPOOL,
        "django_postgrespool2.psycopg2": PGPOOL,
        "django_postgrespool2.postgis": POSTGIS,
    },
    "DATABASE_POOL_ARGS",
    _SQLALCHEMY,
    limit=(("pool_size", "max_overflow"),),
    settings=(
        Old("DATABASE_POOL_CLASS", "remove it: there is one kind of pool"),
        Old("DATABASE_POOL_ARGS", _NAMES_HERE),
    ),
    code=(Old("dispose", "call get_pool(alias).drain(), see django_pgpool.get_pool"),),
)

PREDECESSORS = (
    GEVENTPOOL,
    DB_POOL,
    TRU_SOFTWARE,
    DB_POOLING,
    MYSQLPOOL,
    DJANGOS_OWN,
    DB_CONNECTION_POOL,
    POSTGRESPOOL2,
)

_OURS_TOO = frozenset({"maxsize", "maxwait", "expires", "cleanup", "reset", "pool"})
INSTEAD = {
    old.name: old.instead
    for known in PREDECESSORS
    for old in (*known.options, *known.settings)
    if old.name not in _OURS_TOO
}
"""What to do instead, by the old name of an option or setting. Those that are options of this
engine as well are left out."""
SETTINGS = frozenset(
    old.name for known in PREDECESSORS for old in known.settings if "POOL_" in old.name
)
"""Of these, the settings and keys beside OPTIONS that no other package has."""
