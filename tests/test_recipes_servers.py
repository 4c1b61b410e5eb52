"""docs/recipes.md: servers and workers other than gunicorn's, run as they stand there."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from socket import AF_UNIX, socket

import gevent
import pytest
from support import recipes
from support.processes import environment, run_python
from support.recipes import write_site
from support.small_project import TESTS, SmallProject
from support.waiting import eventually, join


@contextmanager
def program(directory, *command, **env):
    """A program in that directory, for the length of the block."""
    variables = {**environment(env), "PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1"}
    variables["PYTHONPATH"] = os.pathsep.join([str(directory), variables["PYTHONPATH"]])
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def site_options(**options):
    name = f"recipe_{os.getpid()}"
    options = {"application_name": name, "maxwait": 20, "cancel_timeout": 20, **options}
    return {
        "DJANGO_SETTINGS_MODULE": "recipe_settings",
        "PGPOOL_TEST_OPTIONS": json.dumps(options),
    }


UNIX = """
def listener():
    import socket
    ours = socket.socket(socket.AF_UNIX)
    ours.bind("binding")
    ours.listen()
    os.rename("binding", "socket")
    return ours
"""


@pytest.mark.long
def test_pywsgi(tmp_path, server):
    code = recipes.block("gevent.pywsgi", "serve.py")
    assert '("127.0.0.1", 8000)' in code
    (tmp_path / "serve.py").write_text(UNIX + code.replace('("127.0.0.1", 8000)', "listener()"))
    write_site(tmp_path)

    def ask():
        asking = HTTPConnection("localhost", timeout=20)
        asking.sock = socket(AF_UNIX)
        asking.sock.settimeout(20)
        asking.sock.connect(str(tmp_path / "socket"))
        asking.request("GET", "/pids", headers={"Connection": "close"})
        with asking.getresponse() as answer:
            assert answer.status == 200
            said = json.loads(answer.read())
        asking.close()
        return said

    with program(tmp_path, "serve.py", **site_options(maxsize=3)) as process:
        eventually(
            lambda: (tmp_path / "socket").exists() or process.poll() is not None,
            (tmp_path / "log").read_text,
        )
        said = join([gevent.spawn(ask) for _ in range(40)])
        assert len({session for _, session, _ in said}) <= 3
        assert len(server.pids(f"recipe_{os.getpid()}")) <= 3
    eventually(lambda: not server.backends(f"recipe_{os.getpid()}"))


@pytest.mark.long
def test_runserver(tmp_path, server):
    write_site(tmp_path)
    with (tmp_path / "recipe_settings.py").open("a") as settings:
        settings.write("DEBUG = True\n")
    command = ["-u", "-m", "django", "runserver", "--noreload", "127.0.0.1:0"]

    def ask():
        asking = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            asking.request("GET", "/pids")
            return json.loads(asking.getresponse().read())
        finally:
            asking.close()

    with program(tmp_path, *command, **site_options(maxsize=2)):
        log = (tmp_path / "log").read_text
        port = int(eventually(lambda: re.search(r"at http://\S+:(\d+)/", log()), log)[1])
        said = join([gevent.spawn(ask) for _ in range(20)])
        assert len({session for _, session, _ in said}) <= 2
    eventually(lambda: not server.backends(f"recipe_{os.getpid()}"))


CELERY = """
import json, pathlib
import django
from celery import Celery, signals

app = Celery("recipe_celery", broker="memory://")
app.conf.broker_connection_retry_on_startup = True
django.setup()

import gevent
import tasks
from django.db import connection
from django_pgpool import get_pool

TASKS = 30
there = []

def tell_the_world(count):
    there.append(count)
    while len(there) < TASKS:  # no task ends before all have given their connection back
        gevent.sleep(0.005)
    pathlib.Path("telling").write_text(json.dumps([get_pool().snapshot().size, len(there)]))
    pathlib.Path("telling").rename("told")

tasks.tell_the_world = tell_the_world

@app.task(time_limit=1)
def slow():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(600)")

@signals.worker_ready.connect
def ready(**kwargs):
    for number in range(TASKS):
        tasks.rename.delay("nobody", f"somebody {number}")
    slow.delay()
"""


@pytest.mark.long
def test_celery_with_gevent(tmp_path, server):
    (tmp_path / "tasks.py").write_text(recipes.block("Celery with -P gevent", "tasks.py"))
    (tmp_path / "recipe_celery.py").write_text(CELERY)
    write_site(tmp_path)
    name = f"recipe_{os.getpid()}"
    command = ["-m", "celery", "-A", "recipe_celery", "worker", "-P", "gevent", "-c", "100"]
    with program(tmp_path, *command, **site_options(maxsize=3, cleanup=60)) as process:

        def log():
            return (tmp_path / "log").read_text()

        eventually(
            lambda: (tmp_path / "told").exists() or process.poll() is not None, log, seconds=60
        )
        assert process.poll() is None, log()
        size, there = json.loads((tmp_path / "told").read_text())
        assert (size <= 3, there) == (True, 30)
        eventually(lambda: "TimeLimitExceeded" in log() or "Hard time limit" in log(), log)
        eventually(lambda: "active" not in server.states(name), log)
    eventually(lambda: not server.backends(name))


@pytest.mark.long
def test_pytest_under_gevent(tmp_path, server):
    ini = "[pytest]\naddopts = -p patched -p no:cacheprovider\npython_files = tests.py test_*.py\n"
    patched = recipes.block("Tests: manage.py test and pytest-django", "patched.py")
    asked = """
        def test_is_patched():
            from gevent import monkey
            assert monkey.is_module_patched("socket")
        """
    files = {"pytest.ini": ini, "patched.py": patched, "other/test_patched.py": asked}
    project = SmallProject(tmp_path, server, files)
    try:
        assert f"{TESTS + 1} passed" in project.run("-m", "pytest", patch=False)
        assert project.test_databases() == {}
    finally:
        project.drop_test_databases()


@pytest.mark.long
def test_the_init_container(server):
    container = recipes.block("Kubernetes", "deployment.yaml")
    assert "[python, manage.py, check, --database, default, --fail-level, WARNING]" in container
    options = recipes.load("Kubernetes", "options.py").OPTIONS
    code = """
        from django.core.management import execute_from_command_line
        execute_from_command_line(
            ["manage.py", "check", "--database", "default", "--fail-level", "WARNING"]
        )
        """

    def check(**changed):
        return run_python(code, PGPOOL_TEST_OPTIONS=json.dumps({**options, **changed}))

    assert check(maxsize=1).returncode == 0
    refused = check(workers=100_000)
    assert refused.returncode != 0
    assert "django_pgpool.W101" in refused.stderr
