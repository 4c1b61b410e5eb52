"""A marker in every parameter that may be a secret, and in no message, line, object or page."""

import logging
import traceback
from contextlib import ExitStack, closing, suppress
from inspect import unwrap
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import psycopg2
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.template import Context, Engine
from django.views.debug import ExceptionReporter
from prometheus_client import CollectorRegistry, generate_latest
from support.metrics import metrics_off_at_the_end  # noqa: F401  a fixture

from django_pgpool import registry, stats
from django_pgpool.base import DatabaseWrapper
from django_pgpool.checks import capacity
from django_pgpool.checks.settings import check_settings
from django_pgpool.debug_toolbar import PoolPanel, record
from django_pgpool.management.commands import pgpool
from django_pgpool.metrics import prometheus
from django_pgpool.options import LIBPQ_PARAMETERS
from django_pgpool.page import content, sampler
from django_pgpool.redaction import redacted

MARKER = "correct-horse/battery"
PAGE = Engine(dirs=[Path(content.__file__).parent / "templates"])
URL = f"postgres://shop:{MARKER}@db.invalid:5432/shop?sslpassword={MARKER}"
NAMED_BY_LIBPQ = {
    # What libpq says is of no use without them, and they are no secrets.
    *("host", "hostaddr", "port", "user", "dbname", "service"),
    *("sslcert", "sslrootcert", "sslcrl", "sslcrldir"),
    "application_name",  # for all to see who is connected
    # One of a few words, or a number: a wrong one is named.
    *("channel_binding", "client_encoding", "connect_timeout", "gssencmode", "keepalives"),
    *("keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts"),
    *("replication", "require_auth", "sslcertmode", "sslmode", "sslnegotiation", "sslsni"),
    *("target_session_attrs", "tcp_user_timeout", "gssdelegation", "requirepeer"),
}
REFUSED = [
    {"HOST": "127.0.0.1", "PORT": "1"},
    {"HOST": "no.such.host.invalid"},
    {"NAME": "nowhere"},
]


def _shown(alias):
    """The operator's page with stacks, and the panel for django-debug-toolbar."""
    page = PAGE.get_template("page.html").render(Context({"panels": content.panels(stacks=True)}))
    toolbar = SimpleNamespace(stats={}, store=Mock(), request_id="1")
    panel = PoolPanel(toolbar, None)
    panel.enable_instrumentation()
    with suppress(Error, ImproperlyConfigured):
        alias.ask("SELECT 1")
    panel.disable_instrumentation()
    panel.generate_stats(None, None)
    html = f"{panel.content}{panel.nav_subtitle}{toolbar.stats}"
    if alias.name in map(attrgetter("pool"), stats()):
        assert alias.name in page and alias.name in html
    return page + html


@pytest.fixture
def everything(make_alias, events, caplog, capsys, monkeypatch, metrics_off_at_the_end):  # noqa: F811
    """All that is said about an alias that somebody has tried to use."""
    monkeypatch.chdir("/")
    monkeypatch.setattr(record, "_begun", False)
    metrics = CollectorRegistry()
    prometheus.register(metrics)

    def said(**settings):
        alias = make_alias(**settings)
        names = {alias.name: alias.settings}
        monkeypatch.setattr(capacity, "pooled_aliases", lambda: iter(names))
        monkeypatch.setattr(pgpool, "pooled_aliases", lambda: iter(names))
        texts = []
        with caplog.at_level(logging.DEBUG):
            try:
                with alias.request():
                    alias.value("SELECT 1")
                    texts += [repr(alias.wrapper.connection), repr(alias.wrapper._hold.slot)]
            except (Error, ImproperlyConfigured) as error:
                texts += traceback.format_exception(error)
                causes = (error.__cause__, error.__context__)
                texts += [repr(error), *map(repr, causes), *map(repr, error.args)]
        texts += [repr(message) for message in alias.wrapper.validation.check()]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(connections), "databases", names)
            texts += [repr(message) for message in check_settings()]
        for arguments in (["--probe"], ["--probe", "--json"]):
            with suppress(SystemExit):
                call_command(pgpool.Command(), *arguments)
        texts += capsys.readouterr()
        texts += [repr(stats()), repr(registry._entries.values()), repr(alias.wrapper)]
        texts += [_shown(alias), generate_latest(metrics).decode()]
        texts += [repr(events), caplog.text]
        assert len("".join(texts)) > 1000
        return "\n".join(texts)

    yield said
    if sampler._sampler is not None:
        sampler._sampler.forget()


@pytest.mark.parametrize("name", ["PASSWORD", *sorted({*LIBPQ_PARAMETERS} - NAMED_BY_LIBPQ)])
@pytest.mark.parametrize(
    "place",
    [
        pytest.param({}, id="let in"),
        pytest.param(REFUSED[0], id="refused"),
        pytest.param(REFUSED[1], id="dns", marks=pytest.mark.long),
        pytest.param(REFUSED[2], id="database", marks=pytest.mark.long),
    ],
)
def test_a_secret_parameter_is_told_to_nobody(everything, name, place):
    assert MARKER not in everything(**{**place, name: MARKER})


@pytest.mark.parametrize("name", ["NAME", "HOST", "USER", "PORT", "PASSWORD", *LIBPQ_PARAMETERS])
def test_nor_is_the_password_of_a_url_wherever_it_was_put(everything, name):
    assert MARKER not in everything(**{name: URL})


def test_nor_is_one_in_the_name_of_somebody_elses_session(everything, server):
    with closing(psycopg2.connect(**{**server.params, "application_name": URL})):
        said = everything()
    assert "postgres://shop:***@db.invalid" in said, "it is among those who are connected"
    assert MARKER not in said


def test_nor_what_comes_from_the_environment(everything, monkeypatch, tmp_path):
    passfile = tmp_path / "correct-horse"
    passfile.write_text(f"*:*:*:*:{MARKER}\n")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    monkeypatch.setenv("PGPASSWORD", MARKER)
    for place in REFUSED:
        assert MARKER not in everything(**place)


@pytest.mark.parametrize(
    ("short", "settings", "shown"),
    [(True, {}, "maxwait"), (False, {}, "maxwait"), (False, REFUSED[0], "conn_params")],
    ids=["exhausted", "exhausted, Django's own connect()", "refused"],
)
def test_error_pages_that_show_local_variables_do_not_show_it(
    make_alias, monkeypatch, short, settings, shown
):
    """Django's own, and its mails to admins; other tools take repr(), too."""
    monkeypatch.setattr(DatabaseWrapper, "_takes_the_short_way", short)
    alias = make_alias(maxsize=1, maxwait=10.0, PASSWORD=MARKER, sslpassword=MARKER, **settings)
    with ExitStack() as stack:
        if not settings:
            slot = alias.pool.acquire()
            stack.callback(lambda: alias.pool.release(slot, slot.lease))
            alias.pool.maxwait = 0.01
        with pytest.raises(Error) as caught:
            alias.wrapper.ensure_connection()
    codes = [frame.f_code for frame, _ in traceback.walk_tb(caught.tb)]
    assert (unwrap(BaseDatabaseWrapper.connect).__code__ in codes) == (not short)
    report = ExceptionReporter(None, caught.type, caught.value, caught.tb)
    page = report.get_traceback_html()
    assert shown in page
    assert [line for line in page.splitlines() if MARKER in line] == []
    assert MARKER not in report.get_traceback_text()


@pytest.mark.parametrize(
    ("text", "params", "clean"),
    [
        (
            'FATAL: password authentication failed for user "shop" password retrieved from file '
            '"/home/shop/.pgpass"',
            {},
            'FATAL: password authentication failed for user "shop" password retrieved from file '
            '"***"',
        ),
        ("in postgres://shop:p@ss/w@db/x?y", {}, "in postgres://shop:***@db/x?y"),
        ("host=db password='a \\' b' user=x", {}, "host=db password=*** user=x"),
        ("host=db sslpassword=abc user=x", {}, "host=db sslpassword=*** user=x"),
        ('role "shop" is not known', {"password": "shop", "user": "shop"}, None),
        ("no word of shop1", {"password": "shop"}, None),
        ("the word of shop", {"password": "shop"}, "the word of ***"),
        ("password authentication failed for user", {}, None),
    ],
)
def test_what_is_taken_out(text, params, clean):
    assert redacted(text, params) == (clean or text)


def test_a_wrong_password_out_of_a_file_names_neither(make_alias, server, tmp_path):
    role = server.make_role("LOGIN PASSWORD 'right'")
    passfile = tmp_path / "hidden"
    passfile.write_text(f"*:*:*:*:{MARKER.replace('/', '')}\n")
    passfile.chmod(0o600)
    with server.asking_for_passwords(role):
        if not server.checks_passwords(role):
            pytest.skip("DATABASE_URL's server lets this role in without its password")
        alias = make_alias(USER=role, PASSWORD="", passfile=str(passfile))
        with pytest.raises(Error) as caught:
            alias.value("SELECT 1")
    text = "".join(traceback.format_exception(caught.value))
    assert f'password authentication failed for user "{role}"' in text
    assert 'password retrieved from file "***"' in text
    assert str(passfile) not in text
