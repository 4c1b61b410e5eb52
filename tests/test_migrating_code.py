"""``python -m django_pgpool.migrating``: where the code uses the other pool; wrong usage."""

import textwrap
from pathlib import Path

import pytest
from support.migrating import GEVENTPOOL, SECRET, beside, migrate

from django_pgpool.migrating.__main__ import main
from django_pgpool.migrating.convert import ONLY_HERE
from django_pgpool.options import PoolOptions

__all__ = ["migrate"]  # a fixture
PAGE = Path(__file__).parent.parent / "docs" / "migrating.md"


def test_where_the_code_uses_the_other_pool(migrate, tmp_path):
    (tmp_path / "shop" / ".hidden").mkdir(parents=True)
    (tmp_path / "shop" / ".hidden" / "a.py").write_text("import django_db_geventpool")
    (tmp_path / "shop" / "tasks.py").write_text(
        "from django_db_geventpool.utils import close_connection\n"
        "INSTALLED_APPS = ['django_db_geventpool', 'shop']\n"
        "@close_connection\ndef task(): connection.closeall()\n"
    )
    (tmp_path / "shop" / "template.py").write_text("import {{ module }}\nprint 'no Python'\n")
    conf = """
        from psycogreen.gevent import patch_psycopg
        def post_fork(server, worker):
            patch_psycopg()
        """
    code, said, error = migrate(GEVENTPOOL % "", "shop", conf=conf)
    assert code == 0
    assert error.startswith("passed over: shop/template.py is no Python that this version can read")
    assert [line for line in said.splitlines() if ".py:" in line] == [
        "# conf.py:2: from psycogreen.gevent import patch_psycopg: remove the import",
        "# conf.py:4: patch_psycopg: remove it: this engine makes psycopg2 cooperative by itself",
        "# shop/tasks.py:1: from django_db_geventpool.utils import close_connection: "
        "remove the import",
        "# shop/tasks.py:2: 'django_db_geventpool': remove it",
        "# shop/tasks.py:3: close_connection: use database_task of django_pgpool.greenlets",
        "# shop/tasks.py:4: connection.closeall: call get_pool(alias).drain(), see "
        "django_pgpool.get_pool",
    ]


def test_the_example_on_the_page(migrate, tmp_path):
    entry = {
        "ENGINE": "django_db_geventpool.backends.postgresql_psycopg2",
        "NAME": "shop",
        "PASSWORD": SECRET,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"MAX_CONNS": 20, "REUSE_CONNS": 10, "pool": False},
    }
    (tmp_path / "gunicorn.conf.py").write_text(
        "from psycogreen.gevent import patch_psycopg\n\n"
        "def post_fork(server, worker):\n    patch_psycopg()\n"
    )
    _, said, _ = migrate(f"DATABASES = {{'default': {entry}}}", "gunicorn.conf.py")
    assert textwrap.indent(said, " " * 4) in PAGE.read_text()


def test_functions_of_others_with_like_names_are_not_meant(migrate):
    settings = beside("dj_db_conn_pool.backends.postgresql", "")
    wsgi = "import django, dj_db_conn_pool\ndjango.setup()\ndj_db_conn_pool.setup(pool_size=1)"
    _, said, _ = migrate(settings, wsgi=wsgi)
    assert "wsgi.py:2" not in said
    assert "# wsgi.py:3: dj_db_conn_pool.setup: put what it says into OPTIONS\n" in said


def test_settings_that_go_away_are_named(migrate):
    _, said, _ = migrate(beside("django_postgrespool2", "DATABASE_POOL_CLASS = 'x.Y'"))
    assert "# Remove the setting DATABASE_POOL_CLASS.\n" in said


# ---- wrong usage


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("DEBUG = True", "settings.py: it assigns no DATABASES at its top level ("),
        ("DATABASES = env()", "settings.py: its DATABASES is no plain dictionary (--run shows "),
        ("DATABASES = {", "settings.py is no Python that this version can read: "),
        ("\0", "settings.py is no Python that this version can read: "),
    ],
)
def test_settings_that_cannot_be_read_are_exit_code_2(migrate, settings, complaint):
    code, said, error = migrate(settings)
    assert (code, said) == (2, "")
    assert error.startswith(f"error: {complaint}")


def test_files_that_are_not_there_are_exit_code_2(migrate, capsys):
    assert main(["shop.settings"]) == 2
    assert capsys.readouterr().err == (
        "error: There is no file shop.settings, and no shop/settings.py here.\n"
    )
    code, _, error = migrate(GEVENTPOOL % "", "nowhere.py")
    assert (code, error) == (2, "error: nowhere.py cannot be read: No such file or directory.\n")


def test_settings_that_do_not_run_are_exit_code_2(migrate):
    code, _, error = migrate(f"DATABASES = 1\nraise OSError('postgres://u:{SECRET}@db')", "--run")
    assert code == 2
    assert error == "error: settings.py cannot be run: OSError: postgres://u:***@db\n"
    code, _, error = migrate("raise SystemExit('no key')", "--run")
    assert (code, error) == (2, "error: settings.py cannot be run: SystemExit: no key\n")
    code, _, error = migrate("from .base import *", "--run")
    assert code == 2
    assert error.endswith(". Name it as a module, as in DJANGO_SETTINGS_MODULE.\n")
    code, _, error = migrate("DATABASES = None", "--run")
    assert (code, error) == (2, "error: settings.py: it has no DATABASES.\n")


def test_no_pool_that_is_known_is_exit_code_1(migrate):
    code, said, error = migrate(beside("django.db.backends.postgresql", ""))
    assert (code, said) == (1, "")
    assert "no entry of DATABASES is for a pool that is known" in error
    assert migrate('DATABASES = {"default": {"ENGINE": ["x"]}, "other": 5}')[0] == 1


def test_what_is_for_this_engine_already_is_exit_code_1(migrate):
    assert frozenset(PoolOptions.__dataclass_fields__) - {"maxsize", "maxwait", "expires"} == (
        ONLY_HERE | {"cleanup", "connect_timeout"}
    )
    entry = {"ENGINE": "django_pgpool", "OPTIONS": {"minsize": 1}}
    assert migrate(f"DATABASES = {{'default': {entry}}}")[0] == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('DATABASES["default"]["HOST"] = "db"', True),
        ('DATABASES["default"].update(HOST="db")', True),
        ('DATABASES["default"]["OPTIONS"] |= {}', True),
        ("if CI: DATABASES = {}", True),
        ('HOST = DATABASES["default"].get("HOST")', False),
        ('OTHERS["default"]["HOST"] = "db"', False),
    ],
)
def test_that_databases_are_changed_is_told(migrate, line, told):
    _, said, _ = migrate(beside("django_postgrespool2", line))
    assert ("# Line 3 changes DATABASES: --run shows what it comes to.\n" in said) == told


def test_help_and_wrong_arguments(capsys):
    for arguments, code in ((["--help"], 0), ([], 2)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
    assert "usage: python -m django_pgpool.migrating [-h] [--run] settings" in (
        capsys.readouterr().out
    )
