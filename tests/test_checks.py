"""``manage.py check``: what the settings alone tell, each id with a failing and a passing test."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connections
from psycogreen.gevent import gevent_wait_callback
from psycopg2.extensions import get_wait_callback, set_wait_callback
from support.driver import only_psycopg2
from support.processes import DJANGO, PATCHED, run_python

from django_pgpool import options as options_module
from django_pgpool.checks.messages import DOCS
from django_pgpool.checks.settings import check_settings, idle_limit
from django_pgpool.options import PoolOptions
from django_pgpool.overview.collect import overview

REMOTE = "db.example"


@pytest.fixture
def found(monkeypatch):
    """What is reported of an alias ``shop`` with these settings; capitals are beside OPTIONS."""
    monkeypatch.chdir("/")  # no gunicorn.conf.py
    for name in ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)

    defaults = {**connections.databases["default"], "HOST": "", "CONN_MAX_AGE": 0}

    def look(**arguments):
        entry = {key: value for key, value in arguments.items() if key.isupper()}
        options = {key: value for key, value in arguments.items() if not key.isupper()}
        options.update(entry.pop("STRANGE", {}))
        databases = {"shop": {**defaults, **entry, "OPTIONS": options}}
        monkeypatch.setattr(type(connections), "databases", databases)
        return check_settings()

    return look


def ids(messages):
    return [message.id.removeprefix("django_pgpool.") for message in messages]


def one(messages):
    (message,) = messages
    return message


@pytest.mark.parametrize("options", [None, 5, ["maxsize"]], ids=repr)
def test_e004_options_that_are_no_dictionary(found, options):
    assert found() == []
    connections.databases["shop"]["OPTIONS"] = options
    said = (
        f"DATABASES['shop']['OPTIONS'] must be a dictionary, not of type {type(options).__name__}."
    )
    assert [(message.id, message.msg) for message in check_settings()] == [
        ("django_pgpool.E004", said)
    ]
    assert [problem["message"] for problem in overview("shop", with_probe=False)["problems"]] == [
        said
    ]


def test_nothing_is_said_of_good_settings(found):
    assert found() == []
    assert found(maxsize="5", maxwait=2.5, expires=None, cleanup="none", workers=4) == []
    assert found(ENGINE="django.db.backends.sqlite3", nonsense=True) == []
    assert found(ENGINE="no.such.engine", nonsense=True) == []


def test_every_message_has_an_id_a_hint_and_a_link(found):
    message = one(found(maxsiz=5))
    assert isinstance(message, checks.Error)
    assert message.id == "django_pgpool.E003"
    assert message.msg.startswith(
        "DATABASES['shop']['OPTIONS'] has an unknown key 'maxsiz': it is neither an option of "
    )
    assert message.hint == "Did you mean 'maxsize'? See docs/checks.md#e003"


def test_all_mistakes_are_told_at_once(found):
    said = found(CONN_MAX_AGE=60, pool=True, max_size=5, maxwait=0, expires="soon", ssl_mode=1)
    assert ids(said) == ["E001", "E002", "E003", "E004", "E004", "E003"]


def test_all_that_another_pool_has_left_is_told_also_where_it_has_switched_this_one_off(found):
    said = found(pool=False, MAX_CONNS=20) + found(pool=False, STRANGE={"MAX_CONNS": 20})
    assert ids(said) == ["E003"] * 3


def test_settings_that_another_pool_has_left(found, monkeypatch):
    monkeypatch.setattr(
        django_settings, "DATABASE_POOL_ARGS", {"pool_size": 5, "recycle": 9}, raising=False
    )
    message = one(found())
    assert message.id == "django_pgpool.W005"
    assert message.hint.startswith("Instead, put the names that are used here into OPTIONS. See ")


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ({"CONN_MAX_AGE": None}, {"CONN_MAX_AGE": 0}, "E001"),
        ({"pool": {"min_size": 2}}, {"pool": False}, "E002"),
        ({"maxsiz": 5}, {"maxsize": 5}, "E003"),
        ({"sslmodus": "require"}, {"sslmode": "require"}, "E003"),
        ({"STRANGE": {5: 5}}, {"port": 5}, "E003"),
        ({"POOL_OPTIONS": {"POOL_SIZE": 5}}, {"TIME_ZONE": None}, "E003"),
        ({"pool": False, "maxsize": 5}, {"pool": False, "sslmode": "require"}, "W004"),
        ({"maxsize": 0}, {"maxsize": 1}, "E004"),
        ({"maxwait": "long"}, {"maxwait": "1"}, "E004"),
        ({"expires": -1}, {"expires": None}, "E004"),
        ({"cleanup": True}, {"cleanup": 1}, "E004"),
        ({"minsize": 1.5}, {"minsize": 1}, "E004"),
        ({"maxwaiting": 0}, {"maxwaiting": 1}, "E004"),
        ({"connect_timeout": None}, {"connect_timeout": 1}, "E004"),
        ({"reset": "sometimes"}, {"reset": "always"}, "E004"),
        ({"read_timeout": 0}, {"read_timeout": 1}, "E004"),
        ({"cancel_timeout": 0}, {"cancel_timeout": None}, "E004"),
        ({"held_warning": []}, {"held_warning": 1}, "E004"),
        ({"stats_interval": 0.01}, {"stats_interval": 0.1}, "E004"),
        ({"keepalives": "on"}, {"keepalives": "1"}, "E004"),
        ({"keepalives_idle": 1.5}, {"keepalives_idle": 30, "keepalives_count": None}, "E004"),
        ({"tcp_user_timeout": True}, {"tcp_user_timeout": "5000"}, "E004"),
        ({"workers": 0}, {"workers": 1}, "E004"),
        ({"NAME": "postgres://u:p@db/shop"}, {"NAME": "shop"}, "E008"),
        ({"HOST": "postgres://u:p@db/shop"}, {"HOST": "db"}, "E008"),
        ({"minsize": 3, "maxsize": 2}, {"minsize": 2, "maxsize": 2}, "E005"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_wrong_settings_are_errors_and_right_ones_are_not(found, wrong, right, expected):
    assert ids(found(**wrong)) == [expected]
    assert found(**right) == []


def test_a_limit_that_is_no_number_is_not_compared_with_another(found):
    assert ids(found(maxsize="many", minsize=30)) == ["E004"]


def test_statistics_need_their_package(found, monkeypatch):
    assert found(stats_interval=60) == []
    monkeypatch.setattr(options_module, "find_spec", lambda name: None)
    message = one(found(stats_interval=60))
    assert (message.id, message.msg, message.hint) == (
        "django_pgpool.E006",
        "DATABASES['shop']['OPTIONS']['stats_interval'] needs the package hdrhistogram:",
        "pip install 'django_pgpool[stats]', or remove the option. See docs/checks.md#e006",
    )


# ---- this process


def test_patched_too_late_is_an_error():
    """The models have led to the engine before somebody has patched."""
    check = "from django.core.management import call_command; call_command('check')"
    done = run_python(f"{DJANGO}{PATCHED}{check}")
    assert "(django_pgpool.E007) gevent has patched this process after django.db was" in done.stderr
    assert "HINT: Call gevent.monkey.patch_all() before anything else" in done.stderr
    assert done.returncode == 1


@only_psycopg2("psycopg has no wait callback")
def test_a_wait_callback_of_the_sites_own_is_a_warning(found):
    def own(connection):
        gevent_wait_callback(connection)

    before = get_wait_callback()
    set_wait_callback(own)
    try:
        message = one(found())
    finally:
        set_wait_callback(before)
    assert message.id == "django_pgpool.W001"
    assert "psycopg2 waits through test_checks.test_a_wait_callback_of_the_sites_own" in message.msg
    assert found() == []


@only_psycopg2("psycopg has no wait callback")
@pytest.mark.parametrize("callback", [None, gevent_wait_callback])
def test_psycogreens_own_callback_or_none_is_right(found, callback):
    """The engine puts its own in their place when it opens a connection."""
    before = get_wait_callback()
    set_wait_callback(callback)
    try:
        assert found() == []
    finally:
        set_wait_callback(before)


# ---- beside what is known of gunicorn


def test_waiting_for_longer_than_a_sync_worker_lives_is_a_warning(found, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--timeout 5")
    message = one(found(maxwait=5))
    assert (message.id, message.msg, message.hint) == (
        "django_pgpool.W002",
        "DATABASES['shop']['OPTIONS']: a request waits for a connection for up to maxwait=5 s, but "
        "gunicorn ends a request that a sync worker handles, and the worker, after timeout=5 s "
        "(GUNICORN_CMD_ARGS): nobody would see PoolExhausted.",
        "Set maxwait to less than 5, or raise gunicorn's timeout. See docs/checks.md#w002",
    )
    assert found(maxwait=4.9) == []


def test_waiting_for_longer_than_the_graceful_timeout_is_a_warning(found, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "-k gevent --timeout 5 --graceful-timeout 8")
    message = one(found(maxwait=10))
    assert "gunicorn ends the requests of a worker that it replaces after graceful_timeout=8 s" in (
        message.msg
    )
    assert found(maxwait=7) == [], "timeout is not about the requests of gevent's workers"


def test_gunicorns_configuration_file_is_read_and_not_run(found, monkeypatch, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(
        "raise SystemExit('this was run')\nworker_class = 'gevent'\nworkers = 2 * 2\n"
        "graceful_timeout = 3\n"
    )
    found()
    monkeypatch.chdir(tmp_path)
    assert ids(found(maxwait=5)) == ["W002"]
    assert found(maxwait=2) == []
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--graceful-timeout 20")
    assert found(maxwait=5) == [], "the environment is stronger"


@pytest.mark.parametrize("arguments", ["--nonsense", "--timeout many", "'", ""])
def test_what_gunicorn_does_not_understand_is_not_for_us(found, monkeypatch, arguments):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    assert found(maxwait=3600) == []


# ---- hints


@pytest.mark.parametrize(
    "options",
    [
        {"keepalives": 0, "cleanup": None},
        {"keepalives": "0", "cleanup": 250},
        {"keepalives_count": 3, "cleanup": None},
        {"keepalives_idle": 7200, "minsize": 1},
    ],
    ids=str,
)
def test_idle_connections_without_keepalives_are_a_warning(found, options):
    assert ids(found(HOST=REMOTE, **options)) == ["W003"]
    assert found(HOST="/var/run/postgresql", **options) == []
    assert found(HOST=REMOTE, **{**options, "expires": 200}) == []
    assert found(HOST=REMOTE, cleanup=None) == [], "the engine sets keepalives"


def test_an_idle_connection_ends_at_the_first_of_its_limits():
    assert idle_limit(PoolOptions()) == 20
    assert idle_limit(PoolOptions(minsize=1)) == 300
    assert idle_limit(PoolOptions(expires=10)) == 10
    assert idle_limit(PoolOptions(expires=None, cleanup=None)) == float("inf")


def test_requests_that_are_transactions_get_a_hint(found):
    message = one(found(ATOMIC_REQUESTS=True))
    assert message.id == "django_pgpool.I001"
    assert isinstance(message, checks.Info)
    assert "each request holds a connection from its view's beginning to its end" in message.msg


# ---- how they are reached


def test_they_are_run_by_manage_py_check_without_anything_in_installed_apps(capsys, found):
    found(maxsize=0)
    with pytest.raises(SystemCheckError) as caught:
        call_command("check")
    assert "(django_pgpool.E004) DATABASES['shop']['OPTIONS']['maxsize'] must be a whole" in str(
        caught.value
    )


def test_they_have_a_tag_of_their_own(found, capsys):
    found(maxsize=0)
    with pytest.raises(SystemCheckError):
        call_command("check", tags=["django_pgpool"])
    call_command("check", tags=["models"])


def test_the_page_explains_every_id_and_no_other():
    root = Path(__file__).parent.parent
    sources = "".join(path.read_text() for path in (root / "django_pgpool").rglob("*.py"))
    page = (root / DOCS).read_text()
    explained = re.findall(r"^### ([EWI]\d{3})$", page, flags=re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert set(explained) == set(re.findall(r'"([EWI]\d{3})"', sources))
