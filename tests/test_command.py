"""``manage.py pgpool`` and ``python -m django_pgpool``."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from support.processes import ROOT, TESTS, run_python
from support.waiting import eventually

from django_pgpool.checks import capacity
from django_pgpool.management.commands import pgpool
from django_pgpool.options import PoolOptions
from loadtests.errors import LoadTestError
from loadtests.pgbouncer import PORT, PgBouncer


@pytest.fixture
def run(make_alias, monkeypatch, capsys):
    """``run(arguments, **settings)`` is (exit code, what it says, the alias)."""
    monkeypatch.chdir("/")
    for name in ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments, **settings):
        alias = make_alias(**settings)
        names = {alias.name: alias.settings}
        monkeypatch.setattr(capacity, "pooled_aliases", lambda: iter(names))
        monkeypatch.setattr(pgpool, "pooled_aliases", lambda: iter(names))
        code = 0
        try:
            call_command(pgpool.Command(), *arguments)
        except SystemExit as ended:
            code = ended.code
        assert alias.wrapper.connection is None
        return code, capsys.readouterr().out, alias

    return call


def data_of(run, *arguments, **settings):
    code, said, alias = run("--json", *arguments, **settings)
    return code, json.loads(said), alias


def test_all_is_well(run):
    code, said, alias = run(maxsize="7", workers=2, cleanup=None)
    assert code == 0
    assert f"{alias.name}: database {alias.server.name!r} at " in said
    assert re.search(r"^    maxsize +7 +OPTIONS$", said, flags=re.MULTILINE)
    assert re.search(r"^    maxwait +10 +default$", said, flags=re.MULTILINE)
    assert re.search(r"^    cleanup +None +OPTIONS$", said, flags=re.MULTILINE)
    assert re.search(r"^    workers +2 +OPTIONS\['workers'\]$", said, flags=re.MULTILINE)
    assert f"{alias.name}: maxsize 7 x 2 processes (OPTIONS['workers']) = 14\n" in said
    assert said.endswith("No problems found.\n")
    assert "One connection" not in said


def test_the_same_as_json(run):
    code, data, alias = data_of(run, maxsize=7, workers=2)
    assert (code, data["well"], data["process"]) == (0, True, [])
    (told,) = data["aliases"]
    assert told.keys() == {"alias", "place", "settings", "server", "capacity", "problems"}
    assert told["alias"] == alias.name
    assert told["settings"].keys() == set(PoolOptions.__dataclass_fields__)
    assert told["settings"]["maxsize"] == {"value": 7, "source": "OPTIONS"}
    server, fits = told["server"], told["capacity"]
    assert server["available"] == (
        server["max_connections"] - server["superuser_reserved"] - server["reserved"]
    )
    assert fits["need"] == 14
    assert fits["left"] == server["available"] - 14 - fits["others"]
    assert fits["largest_maxsize"] == (server["available"] - fits["others"]) // 2


def test_who_is_connected(run, make_alias):
    other = make_alias(maxsize=1)
    with other.request():
        other.value("SELECT 1")
        _, data, _ = data_of(run)
    sessions = data["aliases"][0]["server"]["sessions"]
    (found,) = [one for one in sessions if one["application"] == other.name]
    assert (found["database"], found["count"]) == (other.server.name, 1)


def test_what_does_not_fit_is_exit_code_1(run, monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "1000")
    code, said, alias = run(maxsize=7)
    assert code == 1
    assert f"WARNING django_pgpool.W101: DATABASES[{alias.name!r}]: the server has room for" in said
    assert " too many\n" in said
    assert "See docs/checks.md#w101" in said


def test_hints_and_what_is_silenced_leave_all_well(run, monkeypatch):
    from django.conf import settings

    code, said, _ = run(ATOMIC_REQUESTS=True)
    assert (code, said.count("INFO django_pgpool.I001")) == (0, 1)
    monkeypatch.setenv("WEB_CONCURRENCY", "1000")
    monkeypatch.setattr(settings, "SILENCED_SYSTEM_CHECKS", ["django_pgpool.W101"])
    assert run(maxsize=7)[0] == 0


def test_refused_settings_are_all_told_and_nobody_is_asked(run):
    code, said, _ = run(maxsize=0, maxsiz=5, HOST="/nowhere")
    assert code == 1
    assert re.search(r"^    maxsize +20 +default, OPTIONS refused$", said, flags=re.MULTILINE)
    assert "ERROR django_pgpool.E003: " in said
    assert "ERROR django_pgpool.E004: " in said
    assert "E101" not in said


def test_an_unreachable_server(run):
    code, data, _ = data_of(run, "--probe", HOST="/nowhere", PORT="1")
    assert code == 1
    (told,) = data["aliases"]
    assert (told["server"], told["capacity"]) == (None, None)
    assert [problem["id"] for problem in told["problems"]] == [
        "django_pgpool.E102",
        "django_pgpool.E101",
    ]
    assert told["probe"]["failed_at"] == "tcp"
    assert (
        "failed at step 'tcp': connection to server on socket" in (told["problems"][0]["message"])
    )


def test_a_database_without_a_name(run):
    code, data, _ = data_of(run, "--probe", NAME="")
    assert code == 1
    problems = data["aliases"][0]["problems"]
    assert "failed at step 'settings': settings.DATABASES is improperly" in problems[0]["message"]


# ---- the probe


def test_a_probe_times_each_step_and_leaves_nothing(run, server):
    code, data, alias = data_of(run, "--probe")
    assert code == 0
    probe = data["aliases"][0]["probe"]
    steps = [step for step in probe["seconds"] if step not in ("dns", "tls")]
    assert steps == ["tcp", "authentication", "first_query", "close"]
    assert all(seconds > 0 for seconds in probe["seconds"].values())
    assert (probe["error"], probe["failed_at"]) == (None, None)
    eventually(lambda: alias.backends <= 1, "the probe's session is left")  # the pool's own
    assert f"\n    {'in all':<16} " in run("--probe")[1]


@pytest.fixture
def encrypted(server):
    """(host, port) of a PgBouncer that takes TLS only."""
    if not server.embedded or sys.platform != "linux" or not shutil.which("openssl"):
        pytest.skip("needs the embedded server, openssl, and loopback addresses to choose from")
    place = Path(server.params["host"])
    key, certificate = place / "tls.key", place / "tls.crt"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -batch"
    made = [*make.split(), "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
    for path in (key, certificate):
        shutil.chown(path, place.owner())
    host = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}.7"  # nobody else's
    user, name = server.params["user"], server.params["dbname"]
    tls = {"client_tls_key_file": key, "client_tls_cert_file": certificate}
    settings = {"listen_addr": host, "client_tls_sslmode": "require", **tls}
    url = f"postgresql://{user}@/{name}?host={place}&port={server.params['port']}"
    try:
        with PgBouncer(url, settings):
            yield host, PORT
    except LoadTestError as error:
        pytest.skip(str(error))
    finally:
        key.unlink()
        certificate.unlink()


@pytest.mark.long
def test_a_probe_times_the_encryption(run, encrypted):
    host, port = encrypted
    code, said, alias = run("--probe", HOST=host, PORT=port, sslmode="require")
    assert code == 0, said
    assert re.search(r"\n    TCP +[\d.]+ ms\n    TLS \(TLSv1\.\d\) +[\d.]+ ms\n    auth", said)
    assert "behind a pooler" in said
    alias.wrapper.close_pool()


@pytest.mark.parametrize(
    ("settings", "step", "error"),
    [
        ({"HOST": "no-such-host.invalid"}, "dns", "could not translate host name"),
        ({"HOST": "", "sslmode": "reqire"}, "tcp", "invalid sslmode value"),
        ({"NAME": "no_such_database"}, "authentication", '"no_such_database" does not exist'),
    ],
    ids=["dns", "parameters", "database"],
)
def test_a_probe_says_which_step_failed(run, settings, step, error):
    code, data, _ = data_of(run, "--probe", **settings)
    probe = data["aliases"][0]["probe"]
    assert (code, probe["failed_at"]) == (1, step)
    assert error in probe["error"]


def test_a_probe_is_bounded(run):
    from support import listeners

    with listeners.black_hole() as port:
        code, data, _ = data_of(
            run, "--probe", HOST="127.0.0.1", PORT=port, connect_timeout=0.2, sslmode="disable"
        )
    assert code == 1
    probe = data["aliases"][0]["probe"]
    assert probe["failed_at"] == "authentication"
    assert probe["error"] == (
        f'connection to server at "127.0.0.1", port {port} failed: no answer within '
        "connect_timeout=0.2 s"
    )


def test_an_opening_that_takes_as_long_as_maxwait_is_a_warning(run):
    code, data, _ = data_of(run, "--probe", maxwait=0.000001)
    assert code == 1
    ids = [problem["id"] for problem in data["aliases"][0]["problems"]]
    assert "django_pgpool.W105" in ids


# ---- usage


def test_an_alias_that_is_not_pooled_is_wrong_usage(monkeypatch):
    with pytest.raises(CommandError) as caught:
        call_command(pgpool.Command(), "nosuch")
    assert caught.value.returncode == 2
    assert str(caught.value) == (
        "'nosuch' is no alias in DATABASES that django_pgpool pools; these are: 'default'."
    )
    monkeypatch.setattr(type(connections), "databases", {})
    with pytest.raises(CommandError) as caught:
        call_command(pgpool.Command())
    assert caught.value.returncode == 2


def test_python_m_django_pgpool_needs_no_installed_app(server):
    code = f"""
import runpy, sys
sys.argv = ["django_pgpool", "--settings", "settings", "--pythonpath", {str(TESTS)!r}, "--json"]
runpy.run_module("django_pgpool", run_name="__main__")
"""
    done = run_python(code, cwd=ROOT, DJANGO_SETTINGS_MODULE="")
    assert json.loads(done.ok())["aliases"][0]["alias"] == "default"


@pytest.mark.parametrize(("settings", "said"), [("", "not configured"), ("nowhere", "'nowhere'")])
def test_settings_that_cannot_be_loaded_are_exit_code_2(settings, said):
    code = """
import runpy, sys
sys.argv = ["django_pgpool"]
runpy.run_module("django_pgpool", run_name="__main__")
"""
    done = run_python(code, cwd=ROOT, DJANGO_SETTINGS_MODULE=settings)
    assert done.returncode == 2
    assert done.stderr.startswith("CommandError: The settings cannot be loaded: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_as_an_installed_app_it_is_a_command_of_manage_py(server):
    code = """
import settings
settings.INSTALLED_APPS.append("django_pgpool")
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "pgpool", "default"])
"""
    assert "default: database " in run_python(code, cwd=ROOT).ok()
