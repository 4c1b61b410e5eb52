"""docs/recipes.md: the recipes that need no process of their own, run as they stand there."""

import asyncio
import json
import sys
import textwrap
from types import ModuleType

import gevent
import pytest
import yaml
from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection
from django.http import HttpResponse
from shop.models import Item
from support import recipes
from support.processes import DJANGO, run_python
from support.recipes_site import body, default, serving
from support.waiting import eventually, running

from django_pgpool import PoolExhausted
from django_pgpool.drivers.chosen import is_libpq_parameter
from django_pgpool.greenlets import release_connections
from django_pgpool.options import examine

__all__ = ["default"]  # a fixture


def in_use(alias):
    return alias.pool.snapshot().in_use


def impatient(default):
    """An alias with one connection, which is open: maxwait would not suffice to open it."""
    alias = default(maxsize=1, maxwait=0.1, cleanup=600)
    slot = alias.pool.acquire(30)
    alias.pool.release(slot, slot.lease)
    return alias


def items(*names):
    Item.objects.bulk_create(Item(name=name) for name in names)
    connection.close()


# ---- the recipes


def test_greenlets(default):
    jobs = recipes.load("Greenlets of your own", "jobs.py")
    alias = default(maxsize=3)
    items("a", "b")
    assert jobs.count_all(["a", "b", "c"] * 20) == [1, 1, 0] * 20
    assert jobs.count_soon("a").get(timeout=20) == 1
    assert in_use(alias) == 0
    assert 1 <= len(alias.server.pids(alias.application)) <= 3


def test_nested(default):
    """A job that waits for another one while it holds the last connection."""
    jobs = recipes.load("Greenlets of your own", "jobs.py")
    impatient(default)

    def nested():
        connection.ensure_connection()
        errors = []

        def inner():
            try:
                jobs.count("a")
            except PoolExhausted as error:
                errors.append(error)

        gevent.spawn(inner).join()
        release_connections()
        return len(errors), jobs.count_soon("a").get(timeout=20)

    assert gevent.spawn(nested).get(timeout=20) == (1, 0)


def test_a_command_that_never_ends(default, monkeypatch):
    alias = default(maxsize=1)
    held = []

    def messages():
        for name in "abc":
            held.append(in_use(alias))
            yield name
        held.append(in_use(alias))

    queue = ModuleType("shop.queue")
    queue.messages = messages
    monkeypatch.setitem(sys.modules, "shop.queue", queue)
    recipes.load("Management commands and cron", "consume.py").Command().handle()
    assert held == [0] * 4
    assert Item.objects.count() == 3


def test_streams(default):
    views = recipes.load("Streaming responses", "views.py")
    alias = default(maxsize=1)
    names = [f"name {number:02}" for number in range(35)]
    items(*names)
    expected = (200, "".join(f"{name}\n" for name in names))
    with serving(report=views.report, export=views.export, pages=views.pages) as ask:
        for name, holds in (("report", 0), ("export", 1), ("pages", 0)):
            response = ask(name)
            first = next(iter(response))
            assert in_use(alias) == holds, name
            status, rest = body(response)
            assert (status, first.decode() + rest) == expected
            assert in_use(alias) == 0


def test_long_transactions(default):
    options = recipes.load("Long transactions", "options.py").OPTIONS
    long = recipes.load("Long transactions", "long.py")
    alias = default(maxsize=1, **options)

    def limits():
        return [
            alias.value(f"SHOW {name}")
            for name in ("statement_timeout", "idle_in_transaction_session_timeout")
        ]

    with alias.request():
        assert limits() == ["30s", "1min"]
        assert long.recount() == 0
        assert limits() == ["30s", "1min"]
        alias.value("SELECT set_config('statement_timeout', '0', false)")
    with alias.request():
        assert limits() == ["30s", "1min"]
        assert alias.value("SHOW client_connection_check_interval") == "5s"


def test_health(default):
    health = recipes.load("Health endpoints", "health.py")
    alias = impatient(default)
    with serving(live=health.live, ready=health.ready, deep=health.deep) as ask:

        def asked(name):
            return gevent.spawn(lambda: body(ask(name))).get(timeout=20)

        assert asked("deep") == (200, "ok")
        connection.ensure_connection()
        assert asked("live") == (200, "ok")
        assert asked("ready") == (200, json.dumps({"full": []}))
        assert asked("deep") == (503, "PoolExhausted")
        patient = [lambda: alias.pool.acquire(30)] * 6
        with running(*patient):
            eventually(lambda: alias.pool.snapshot().waiting == 6)
            assert asked("ready") == (503, json.dumps({"full": ["default"]}))
            assert asked("live") == (200, "ok")
        connection.close()


def test_the_numbers_of_the_deployment():
    deployment = yaml.safe_load(recipes.block("Kubernetes", "deployment.yaml"))["spec"]
    options = recipes.load("Kubernetes", "options.py").OPTIONS
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    command = container["command"]

    def said(option):
        return int(command[command.index(option) + 1])

    pods = deployment["replicas"] + deployment["strategy"]["rollingUpdate"]["maxSurge"]
    assert options["workers"] == pods * said("--workers")
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause + said("--graceful-timeout") <= pod["terminationGracePeriodSeconds"]
    assert options["maxwait"] < said("--graceful-timeout")
    probes = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")]
    assert probes == ["/live", "/ready"]
    assert examine("default", {"OPTIONS": options}, is_libpq_parameter)[1] == []


def test_a_move(default):
    alias = default(maxsize=2)
    pid = alias.ask("SELECT pg_backend_pid()")
    recipes.load("Blue/green", "move.py")
    assert alias.ask("SELECT pg_backend_pid()") != pid


def test_settings_of_a_failover():
    database = recipes.load("Failover", "database.py").DATABASE
    options, problems = examine("default", database, is_libpq_parameter)
    assert problems == []
    assert options.maxwait > options.connect_timeout * len(database["HOST"].split(","))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_out_of_reach(default):
    """One asynchronous view refuses the database to itself, and to all others meanwhile."""
    alias = default(maxsize=2)
    begun, refused = [], []

    def ask_database(request=None):
        try:
            alias.value("SELECT 1")
        except SynchronousOnlyOperation:
            return HttpResponse("refused", status=500)
        return HttpResponse("ok")

    async def waits(request):
        begun.append(1)
        refused.append((await sync_to_async(ask_database)()).content)
        while len(begun) < 2:
            await asyncio.sleep(0.005)
        return ask_database()

    with serving(plain=ask_database, waits=waits) as ask:
        assert body(ask("plain")) == (200, "ok")
        slow = gevent.spawn(lambda: body(ask("waits")))
        eventually(lambda: refused)
        plain = ask("plain")
        assert (plain.status_code, b"".join(plain)) == (500, b"refused")
        begun.append(2)
        assert slow.get(timeout=20) == (500, "refused")
        plain.close()
        assert refused == [b"refused"]
        assert body(ask("plain")) == (200, "ok")


@pytest.mark.long
def test_asgi(server):
    code = """
        import asyncio
        from asgiref.testing import ApplicationCommunicator
        from django.conf import settings
        from django.core.handlers.asgi import ASGIHandler
        from django.http import HttpResponse
        from django.urls import path
        from django_pgpool import get_pool
        from shop.models import Item

        def plain(request):
            return HttpResponse(str(Item.objects.count()))

        async def asynchronous(request):
            return HttpResponse(str(await Item.objects.acount()))

        class Urls:
            urlpatterns = [path("plain", plain), path("asynchronous", asynchronous)]

        settings.ROOT_URLCONF, settings.ALLOWED_HOSTS = Urls, ["*"]

        async def ask(name):
            scope = {"type": "http", "method": "GET", "path": f"/{name}", "query_string": b"",
                     "headers": [], "server": ("localhost", 80)}
            asked = ApplicationCommunicator(ASGIHandler(), scope)
            await asked.send_input({"type": "http.request", "body": b""})
            await asked.receive_output(10)
            return (await asked.receive_output(10))["body"].decode()

        async def main():
            names = ["plain", "asynchronous"] * 10
            print(*set(await asyncio.gather(*map(ask, names))))

        asyncio.run(main())
        assert get_pool().snapshot().size <= 2
        """
    done = run_python(
        DJANGO + textwrap.dedent(code), PGPOOL_TEST_OPTIONS=json.dumps({"maxsize": 2})
    )
    assert done.ok() == "0\n"
