"""Host names are resolved by gevent; libpq would block the process."""

import gevent
import pytest
from django.db import OperationalError
from gevent import socket
from gevent.event import Event
from support.driver import database
from support.waiting import eventually, running

from django_pgpool.drivers import resolving
from django_pgpool.drivers.resolving import with_addresses


@pytest.fixture
def names(monkeypatch):
    """What the DNS knows."""
    known = {"a": ["10.0.0.1"], "b": ["10.0.0.2", "fd00::2"]}

    def getaddrinfo(host, port, *, type=0):  # noqa: A002  as in the standard library
        gevent.sleep(0)
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [(0, type, 0, "", (address, 0)) for address in known[host]]

    monkeypatch.setattr(resolving.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(resolving, "is_green", lambda: True)
    return known


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"host": "a"}, {"host": "a", "hostaddr": "10.0.0.1", "port": ""}),
        ({"host": "a", "port": 6432}, {"host": "a", "hostaddr": "10.0.0.1", "port": "6432"}),
        (
            {"host": "a,b", "port": "1,2"},
            {"host": "a,b,b", "hostaddr": "10.0.0.1,10.0.0.2,fd00::2", "port": "1,2,2"},
        ),
        (
            {"host": "nowhere,a", "port": 5},
            {"host": "a", "hostaddr": "10.0.0.1", "port": "5"},
        ),
        ({"host": "/run,a"}, {"host": "/run,a", "hostaddr": ",10.0.0.1", "port": ","}),
    ],
    ids=str,
)
def test_a_name_gets_its_addresses(names, params, expected):
    assert with_addresses({"dbname": "shop", **params}) == {"dbname": "shop", **expected}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"host": ""},
        {"host": "/run/postgresql"},
        {"host": "127.0.0.1"},
        {"host": "::1,10.0.0.9"},
        {"host": "a", "hostaddr": "10.9.9.9"},
        {"host": "a,b", "port": "1,2,3"},
    ],
    ids=str,
)
def test_everything_else_is_up_to_libpq(names, params):
    assert with_addresses(params) == params


def test_without_gevent_libpq_resolves(names, monkeypatch):
    monkeypatch.setattr(resolving, "is_green", lambda: False)
    assert with_addresses({"host": "a"}) == {"host": "a"}


def test_an_unknown_name_is_said_in_libpqs_words(names):
    with pytest.raises(
        database.OperationalError,
        match=r'^could not translate host name "nowhere" to address: Name or service not known$',
    ):
        with_addresses({"host": "nowhere"})


def test_others_run_on_while_a_name_is_being_resolved(make_alias, monkeypatch):
    asked, run_on = [], Event()

    def getaddrinfo(*args, **kwargs):
        asked.append(args[0])
        assert run_on.wait(20)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(resolving.socket, "getaddrinfo", getaddrinfo)
    alias = make_alias(maxsize=1, maxwait=30, connect_timeout=30, HOST="nowhere.invalid")

    def other():
        eventually(lambda: asked)
        run_on.set()

    with running(other), pytest.raises(OperationalError, match=r'host name "nowhere\.invalid"'):
        alias.ask("SELECT 1")
    assert asked == ["nowhere.invalid"]


def test_the_error_says_which_server_in_libpqs_words(make_alias):
    """psycopg2 loses the beginning of libpq's message when it is green."""
    alias = make_alias(maxsize=1, HOST="localhost", PORT="1")
    with pytest.raises(OperationalError) as caught:
        alias.ask("SELECT 1")
    assert str(caught.value).startswith('connection to server at "localhost" (')
    assert ", port 1 failed: Connection refused" in str(caught.value)
