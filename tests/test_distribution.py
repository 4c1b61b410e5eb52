"""What users install: wheel and sdist, in empty environments, with the newest and with the lowest
versions of what they need; and that it works there, on a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import packages
from support.server import URL_VARIABLE, Server

import django_pgpool

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOWEST_PYTHON = PYTHONS[0]
SITE = """
from gevent import monkey; monkey.patch_all()
import json, os, sys
from psycopg2.extensions import parse_dsn
params = parse_dsn(os.environ["PGPOOL_TEST_DSN"])
entry = {"NAME": params.pop("dbname"), "USER": params.pop("user"), "HOST": params.pop("host")}
entry |= {"PASSWORD": params.pop("password", ""), "PORT": params.pop("port", "")}
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_pgpool"]
DATABASES = {"default": {
    "ENGINE": "django_pgpool", **entry, "OPTIONS": {**params, "maxsize": 4, "cleanup": 1},
}}
"""
USE = """
import site_settings, django; django.setup()
import json, sys, gevent
from importlib.metadata import version
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django_pgpool import get_pool, stats

call_command("check", databases=["default"], stdout=sys.stderr)
with connection.schema_editor() as editor:
    editor.create_model(ContentType)
connection.close()
most = []
def visit(number):
    with transaction.atomic():
        kind = ContentType.objects.create(app_label="shop", model=str(number))
        connection.cursor().execute("SELECT pg_sleep(0.01)")
    most.append(stats()[0].size)
    assert ContentType.objects.get(pk=kind.pk).model == str(number)
    connection.close()
visitors = [gevent.spawn(visit, number) for number in range(40)]
gevent.joinall(visitors, raise_error=True)
slow = gevent.spawn(connection.cursor().execute, "SELECT 1")
with gevent.Timeout(0.05, False):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")
connection.close()
pool = get_pool("default")
seen = pool.snapshot()
count = ContentType.objects.count()
with connection.schema_editor() as editor:
    editor.delete_model(ContentType)
connection.close()
pool.close()
names = ("Django", "gevent", "psycogreen", "psycopg2-binary", "structlog", "django_pgpool")
json.dump({
    "file": sys.modules["django_pgpool"].__file__,
    "most": max(most),
    "rows": count,
    "waits": seen.waits,
    "versions": {name: version(name) for name in names},
}, sys.stdout)
"""
"""Reads, writes, transactions, waiting at the limit, a kill, and the checks."""


class Environment:
    """An empty one, of one Python."""

    def __init__(self, python: str, directory: Path) -> None:
        subprocess.run([python, "-m", "venv", directory], check=True)
        self.python = directory / "bin" / "python"
        self.directory = directory

    def install(self, *requirements: str | Path) -> None:
        pip = [self.python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", *requirements], check=True)
        subprocess.run([*pip, "check"], check=True, stdout=subprocess.DEVNULL)

    def use(self, server: Server) -> dict[str, object]:
        """What a small site says that runs in it. Nothing of the source is in its path."""
        (self.directory / "site_settings.py").write_text(SITE)
        done = subprocess.run(
            [self.python, "-Wd", "-c", USE],
            cwd=self.directory,
            env={
                URL_VARIABLE: server.dsn,
                "DJANGO_SETTINGS_MODULE": "site_settings",
                "PATH": "/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, object] = json.loads(done.stdout)
        return told


def found(version: str) -> str | None:
    """The path of a Python of this version, where there is one."""
    finder = subprocess.run(
        [ROOT / ".ci" / "find-python", version], capture_output=True, text=True, check=False
    )
    return finder.stdout.strip() or None


@pytest.fixture
def empty(tmp_path) -> Callable[[str], Environment]:
    """``empty("3.12")`` is one of that Python. Skips the test where it is missing."""

    def make(version: str) -> Environment:
        python = found(version)
        if python is None:
            pytest.skip(f"there is no Python {version} here")
        return Environment(python, tmp_path / "environment")

    return make


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """Wheel and sdist, as the build backend makes them."""
    directory = tmp_path_factory.mktemp("dist")
    return {kind: packages.built(kind, directory) for kind in ("wheel", "sdist")}


def works(told: dict[str, object], environment: Environment) -> None:
    assert Path(str(told["file"])).is_relative_to(environment.directory)
    assert (told["most"], told["rows"]) == (4, 40)
    assert told["waits"]


@pytest.mark.parametrize("version", PYTHONS)
def test_the_wheel(built, empty, server, version):
    environment = empty(version)
    environment.install(built["wheel"])
    works(environment.use(server), environment)


def test_the_sdist(built, empty, server):
    environment = empty(".".join(map(str, sys.version_info[:2])))
    environment.install(built["sdist"])
    works(environment.use(server), environment)


def test_the_lowest_versions(built, empty, server):
    environment = empty(LOWEST_PYTHON)
    versions = subprocess.run(
        [sys.executable, ROOT / ".ci" / "versions", "lowest"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pins = versions.stdout.split()
    environment.install(built["wheel"], *pins)
    told = environment.use(server)
    works(told, environment)
    installed = told["versions"]
    assert isinstance(installed, dict)
    assert {f"{name}=={installed[name]}" for name in installed} >= set(pins)


@pytest.mark.parametrize("version", PYTHONS[-2:-1])
def test_each_extra_can_be_installed(built, empty, version):
    """``test`` brings all but ``dev``, which is installed where types are checked."""
    environment = empty(version)
    environment.install(
        f"django_pgpool[stats,prometheus,opentelemetry] @ {built['wheel'].as_uri()}"
    )
    code = "import django_pgpool, hdrh, opentelemetry.metrics, prometheus_client"
    subprocess.run([environment.python, "-c", code], cwd=environment.directory, check=True)


def test_the_tests_in_the_sdist_run(built, tmp_path):
    """It has all that they read: those that look at the project itself pass there."""
    with tarfile.open(built["sdist"]) as archive:
        archive.extractall(tmp_path, filter="data")
    (root,) = tmp_path.iterdir()
    assert root.name == f"django_pgpool-{django_pgpool.__version__}"
    looking = ["tests/docs", "tests/test_packaging.py", "tests/test_logs.py"]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *looking, "-p", "no:cacheprovider"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
