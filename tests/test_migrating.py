"""``python -m django_pgpool.migrating``: settings of other pools become settings of this one."""

import ast
import textwrap

import pytest
from support.migrating import GEVENTPOOL, SECRET, beside, migrate
from support.processes import run_python

from django_pgpool.drivers.chosen import is_libpq_parameter
from django_pgpool.migrating.predecessors import PREDECESSORS
from django_pgpool.options import examine

__all__ = ["migrate"]  # a fixture
PLACE = {"NAME": "shop", "HOST": "db"}


def evaluated(said, **names):
    exec(said, names)
    return names["DATABASES"]


def native(pool):
    return f"""
    DATABASES = {{"default": {{
        "ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "db",
        "OPTIONS": {{"sslmode": "require", "pool": {pool}}},
    }}}}
    """


TAKEN_OVER = {
    "geventpool": (
        GEVENTPOOL % '"OPTIONS": {"MAX_CONNS": 9, "REUSE_CONNS": 3, "pool": False, "port": 1}',
        {"OPTIONS": {"maxsize": 9, "port": 1}},
    ),
    "geventpool by default": (
        GEVENTPOOL % '"CONN_MAX_AGE": 0',
        {"CONN_MAX_AGE": 0, "OPTIONS": {"maxsize": 4}},
    ),
    "an age": (
        GEVENTPOOL % '"CONN_MAX_AGE": 60, "OPTIONS": {"MAX_CONNS": "9"}',
        {"CONN_MAX_AGE": 0, "OPTIONS": {"maxsize": "9"}},
    ),
    "db-pool": (
        """
        DATABASES = {"default": {
            "ENGINE": "dbpool.db.backends.postgresql_psycopg2", "NAME": "shop", "HOST": "db",
            "OPTIONS": {"MIN_CONNS": 2, "MAX_CONNS": 5, "TEST_ON_BORROW": True,
                        "TEST_ON_BORROW_QUERY": "SELECT 2"},
        }}
        """,
        {"CONN_HEALTH_CHECKS": True, "OPTIONS": {"minsize": 2, "maxsize": 5}},
    ),
    "db-pool by default": (
        beside("dbpool.db.backends.postgresql_psycopg2", ""),
        {"OPTIONS": {"maxsize": 1}},
    ),
    "tru-software": (
        """
        DATABASES = dict(default={
            "ENGINE": "django_pgpool", "NAME": "shop", "HOST": "db",
            "OPTIONS": {"maxsize": 5, "maxwait": 0, "expires": 0, "cleanup": 60},
        })
        """,
        {"OPTIONS": {"maxsize": 5, "expires": None, "cleanup": 60}},
    ),
    "tru-software's overflow": (
        """
        DATABASES: dict = {"default": {
            "ENGINE": "django_pgpool", "NAME": "shop", "HOST": "db",
            "OPTIONS": {"maxsize": 2, "maxoverflow": 20, "maxwait": 0.2, "expires": 10 * 60},
        }}
        """,
        {"OPTIONS": {"maxsize": 20, "maxwait": 0.2, "expires": 600}},
    ),
    "native": (
        native(
            '{"min_size": 2, "max_size": 8, "timeout": 3, "max_lifetime": 600, "max_idle": 60, '
            '"max_waiting": 50, "check": print, "reset": print, "num_workers": 3, "name": "x"}'
        ),
        {
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"sslmode": "require", "minsize": 2, "maxsize": 8, "maxwait": 3}
            | {"expires": 600, "cleanup": 60, "maxwaiting": 50},
        },
    ),
    "native by default": (native("True"), {"OPTIONS": {"sslmode": "require", "maxsize": 4}}),
    "native without a maximum": (
        native('{"min_size": 7, "max_size": None, "max_waiting": 0}'),
        {"OPTIONS": {"sslmode": "require", "minsize": 7, "maxsize": 7, "maxwaiting": None}},
    ),
    "db-connection-pool": (
        """
        DATABASES = {"default": {
            "ENGINE": "dj_db_conn_pool.backends.postgresql", "NAME": "shop", "HOST": "db",
            "POOL_OPTIONS": {"POOL_SIZE": 5, "MAX_OVERFLOW": 7, "RECYCLE": -1, "TIMEOUT": 4,
                             "PRE_PING": False, "ECHO": True},
        }}
        """,
        {"OPTIONS": {"maxsize": 12, "expires": None, "maxwait": 4}},
    ),
    "db-connection-pool by default": (
        beside("dj_db_conn_pool.backends.mysql", ""),
        {"OPTIONS": {"maxsize": 20}},
    ),
    "db-connection-pool without limit": (
        """
        DATABASES = {"default": {
            "ENGINE": "dj_db_conn_pool.backends.postgresql", "NAME": "shop", "HOST": "db",
            "POOL_OPTIONS": {"MAX_OVERFLOW": -1},
        }}
        """,
        {"OPTIONS": {}},
    ),
    "postgrespool2": (
        beside("django_postgrespool2", "DATABASE_POOL_ARGS = {'max_overflow': 3, 'recycle': 60}"),
        {"OPTIONS": {"maxsize": 8, "expires": 60}},
    ),
    "mysqlpool": (
        """
        DATABASES = {"default": {
            "ENGINE": "django_mysqlpool.backends.mysqlpool", "NAME": "shop", "HOST": "db",
            "OPTIONS": {"charset": "utf8mb4"},
        }}
        MYSQLPOOL_ARGUMENTS = {"use_threadlocal": False, "pool_size": 2, "max_overflow": 0}
        """,
        {"OPTIONS": {"maxsize": 2}},
    ),
}


@pytest.mark.parametrize("case", TAKEN_OVER)
def test_what_was_said_to_another_pool_is_said_to_this_one(migrate, case):
    settings, expected = TAKEN_OVER[case]
    code, said, error = migrate(settings)
    assert (code, error) == (0, "")
    new = evaluated(said)["default"]
    assert new == {"ENGINE": "django_pgpool", **PLACE, **expected}
    assert examine("default", new, is_libpq_parameter)[1] == []


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("set_pool_size(4)", {}),
        ("set_pool_size(4, 10, 5)", {"maxsize": 10, "maxwait": 5}),
        ("set_pool_size(n=4, max_outstanding=10, timeout=None)", {"maxsize": 10}),
        ("set_pool_size(4, max_outstanding=None)", {}),
    ],
)
def test_a_pool_that_is_made_by_a_call(migrate, call, expected):
    settings = """
        DATABASES = {"default": {
            "ENGINE": "django.db.backends.mysql", "NAME": "shop", "HOST": "db", "CONN_MAX_AGE": 60,
        }}
        """
    wsgi = f"""
        from django_db_pooling import pooling
        pooling.{call}
        pooling.apply_patch()
        """
    assert migrate(settings)[0] == 1, "without that file there is nothing to be seen"
    code, said, _ = migrate(settings, wsgi=wsgi)
    assert code == 0
    new = {"ENGINE": "django_pgpool", **PLACE, "OPTIONS": {"expires": 60, **expected}}
    assert evaluated(said) == {"default": new}
    assert [line for line in said.splitlines() if line.startswith("# wsgi.py")] == [
        "# wsgi.py:2: from django_db_pooling import pooling: remove the import",
        "# wsgi.py:3: pooling.set_pool_size: remove it: OPTIONS say it",
        "# wsgi.py:4: pooling.apply_patch: remove it: the engine needs no patch",
    ]


def test_every_engine_becomes_ours_or_that_for_postgis(migrate):
    engines = {engine: new for known in PREDECESSORS for engine, new in known.engines.items()}
    entries = {
        engine: {"ENGINE": engine, "OPTIONS": {"pool": True}}
        for engine in engines
        if engine != "django.db.backends.mysql"
    }
    _, said, _ = migrate(f"DATABASES = {entries!r}")
    new = {engine: entry["ENGINE"] for engine, entry in evaluated(said).items()}
    assert new == {engine: engines[engine] for engine in entries}


def test_everything_that_changed_has_a_comment(migrate):
    _, said, _ = migrate(GEVENTPOOL % '"OPTIONS": {"MAX_CONNS": 9, "REUSE_CONNS": 3, "x": 1}')
    old = "django_db_geventpool.backends.postgresql_psycopg2"
    assert said == textwrap.dedent(
        """\
        DATABASES = {
            "default": {  # was django-db-geventpool
                "ENGINE": "django_pgpool",  # was "{old}"
                "NAME": "shop",
                "HOST": "db",
                "OPTIONS": {
                    "maxsize": 9,  # was MAX_CONNS
                    "x": 1,
                    # 'REUSE_CONNS' is removed: 'cleanup' says how long an idle connection is kept
                },
            },
        }
        # Then: python manage.py check --database default
        """
    ).replace("{old}", old)


def test_what_is_computed_is_left_as_it_stands(migrate):
    code, said, _ = migrate(
        """
        DATABASES = {
            "default": {
                **BASE, "ENGINE": "django_postgrespool2", "NAME": env("NAME"), "OPTIONS": OPTS,
            },
            "other": {"ENGINE": "dj_db_conn_pool.backends.postgresql", "POOL_OPTIONS": {
                "POOL_SIZE": int(env("SIZE")), "TIMEOUT": WAIT,
            }},
            "native": {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"pool": POOL}},
            "made": make(env("NAME")),
            "lite": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop"},
        }
        DATABASE_POOL_ARGS = args()
        DATABASES["default"]["HOST"] = "db"
        """
    )
    assert code == 0
    names = {"BASE": {"USER": "me"}, "env": {"NAME": "shop", "SIZE": "3"}.get, "WAIT": 7}
    assert "maxsize" not in said.partition('"other"')[0]  # it may be in OPTS, or in args()
    new = evaluated(said, **names)
    assert new["default"].items() >= {"USER": "me", "NAME": "shop"}.items()
    assert new["other"]["OPTIONS"] == {"maxsize": 13, "maxwait": 7}
    assert new["made"] is ...
    assert new["lite"] == {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop"}
    for lost in ("OPTIONS", "DATABASE_POOL_ARGS", "OPTIONS['pool']"):
        assert f"# {lost} is computed: --run shows what is in it" in said
    assert "# Line 14 changes DATABASES: --run shows what it comes to." in said


BASES = """
    ENGINE, SIZE = "django_db_geventpool.backends.postgis", 9
    SIZE = 3
    POOL = {"MAX_CONNS": SIZE, "sslmode": "require"}
    BASE = dict(ENGINE="django_db_geventpool.backends.postgresql_psycopg2", HOST="db", OPTIONS=POOL)
    """


@pytest.mark.parametrize(
    ("entry", "changed"),
    [
        ("BASE", {}),
        ("{**BASE, 'NAME': 'a'}", {"NAME": "a"}),
        ("dict(BASE, NAME='a')", {"NAME": "a"}),
        ("BASE | {'NAME': 'a'}", {"NAME": "a"}),
        (
            "{**BASE, 'OPTIONS': {**BASE['OPTIONS'], 'MAX_CONNS': 9}}",
            {"OPTIONS": {"maxsize": 9, "sslmode": "require"}},
        ),
        (
            "{**BASE, 'OPTIONS': {'MAX_CONNS': 9, **POOL}}",
            {"OPTIONS": {"maxsize": 5, "sslmode": "require"}},
        ),
    ],
)
def test_dictionaries_that_have_names_are_read(migrate, entry, changed):
    _, said, _ = migrate(textwrap.dedent(BASES) + f'DATABASES = {{"default": {entry}}}')
    new = {"ENGINE": "django_pgpool", "HOST": "db", "OPTIONS": {"maxsize": 5, "sslmode": "require"}}
    assert evaluated(said, SIZE=5) == {"default": {**new, **changed}}
    assert "computed" not in said


@pytest.mark.parametrize("change", ["if CI: BASE = {}", "BASE['HOST'] = 'x'", "BASE.update(x())"])
def test_an_entry_that_code_puts_together_is_not_said_to_be_unchanged(migrate, change):
    other = '"other": {"ENGINE": "django_postgrespool2"}'
    for entry in ("{**BASE}", "dict(BASE)", "{'ENGINE': env('ENGINE')}"):
        text = f'{textwrap.dedent(BASES)}{change}\nDATABASES = {{"default": {entry}, {other}}}'
        _, said, _ = migrate(text)
        line = next(line for line in said.splitlines() if '"default"' in line)
        assert line.endswith("# not read, as it is computed: --run shows what it comes to")


def test_what_is_no_source_is_not_printed(migrate):
    _, said, _ = migrate(
        f"""
        import signal
        {textwrap.dedent(GEVENTPOOL) % '"OPTIONS": {"isolation_level": signal.SIGHUP}'}
        """.replace("\n        ", "\n"),
        "--run",
    )
    assert evaluated(said)["default"]["OPTIONS"] == {"maxsize": 4, "isolation_level": ...}


def test_no_password_is_printed_wherever_it_is(migrate):
    code, said, _ = migrate(
        f"""
        DATABASES = {{
            "default": {{
                "ENGINE": "django_postgrespool2", "PASSWORD": "{SECRET}", "USER": "me",
                "HOST": env("HOST", default="postgres://me:{SECRET}@db/shop"),
                "NAME": get_secret("{SECRET}"),
                "OPTIONS": {{"password": "{SECRET}", "passfile": "/{SECRET}"}},
            }},
            "url": dj_database_url.parse("postgres://me:{SECRET}@db/shop"),
            "parts": {{"ENGINE": "x", **dj_database_url.parse("postgres://me:{SECRET}@db/shop")}},
            "call": make("{SECRET}"),
            "lite": {{"ENGINE": "x", "PASSWORD": {{"of": "{SECRET}"}}}},
        }}
        """
    )
    assert code == 0
    assert '"PASSWORD": ...,  # unchanged: put yours here' in said
    assert '"USER": "me"' in said
    assert "me:***@db/shop'),  # put yours in the place of ***\n" in said
    ast.parse(said)


@pytest.mark.parametrize("name", ["settings.py", "settings"])
def test_settings_that_code_puts_together_are_run(name, tmp_path):
    (tmp_path / "settings.py").write_text(
        textwrap.dedent(
            f"""
            DATABASES = dict([("default", {{"NAME": "shop", "PASSWORD": "{SECRET}"}})])
            DATABASES["default"].update(ENGINE="django_postgrespool2", OPTIONS=dict(port=5))
            DATABASE_POOL_ARGS = dict(pool_size=2)
            """
        )
    )
    code = f"""
        import sys
        from django_pgpool.migrating.__main__ import main
        sys.exit(main([{name!r}, "--run"]))
        """
    done = run_python(code, cwd=tmp_path)
    new = {"ENGINE": "django_pgpool", "NAME": "shop", "PASSWORD": ...}
    assert evaluated(done.ok()) == {"default": {**new, "OPTIONS": {"maxsize": 12, "port": 5}}}
    assert SECRET not in done.stdout


def test_neither_django_nor_a_driver_is_needed(tmp_path):
    (tmp_path / "settings.py").write_text(textwrap.dedent(GEVENTPOOL % ""))
    code = """
        import runpy, sys
        for name in ("django", "psycopg2", "gevent", "structlog"):
            sys.modules[name] = None
        sys.argv = ["migrating", "settings.py"]
        runpy.run_module("django_pgpool.migrating", run_name="__main__")
        """
    assert '"maxsize": 4' in run_python(code, cwd=tmp_path).ok()
