"""Several databases: aliases, routers, replicas, and where DATABASES comes from."""

import copy

import dj_database_url
import pytest
from chaos.failover import two_servers
from chaos.proxy import LOCALHOST
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InternalError, OperationalError, connections, router, transaction
from django.test import override_settings
from django.utils.connection import ConnectionProxy
from shop.models import Item
from support.small_project import FILES, SmallProject
from support.waiting import eventually, join, running

from django_pgpool import PoolExhausted, get_pool

ROUTER = """
class Router:
    def db_for_read(self, model, **hints):
        return "replica"
    def db_for_write(self, model, **hints):
        return "default"
    def allow_relation(self, one, two, **hints):
        return True
    def allow_migrate(self, db, label, **hints):
        return db == "default"
"""


# ---- several aliases


def test_a_request_holds_a_connection_of_each_alias_that_it_uses(make_alias):
    one, two = make_alias(maxsize=2, maxwait=30), make_alias(maxsize=3, maxwait=30)
    most = {one.name: 0, two.name: 0}

    def visit():
        with one.request(), two.request():
            assert one.pid() != two.pid()
            for alias in (one, two):
                most[alias.name] = max(most[alias.name], alias.pool.snapshot().in_use)

    with running(*[visit] * 40) as greenlets:
        join(greenlets)
    assert all(1 <= number <= 2 for number in most.values()), "the second after the first"
    assert 1 <= one.backends <= 2
    assert 1 <= two.backends <= 2


def test_an_exhausted_alias_leaves_the_other_one_on_the_same_server_alone(make_alias):
    full, free = make_alias(maxsize=1), make_alias(maxsize=1)
    with full.request():
        full.value("SELECT 1")
        full.pool.maxwait = 0.05  # from here on: nothing has to be opened within it

        def visit():
            with pytest.raises(PoolExhausted, match=full.name):
                full.ask("SELECT 1")
            return free.ask("SELECT 1")

        with running(visit) as greenlets:
            assert join(greenlets) == [1]


# ---- routers


class Router:
    """Reads from one alias, writes to the other."""

    def __init__(self, reads, writes):
        self._reads, self._writes = reads.name, writes.name

    def db_for_read(self, model, **hints):
        return self._reads

    def db_for_write(self, model, **hints):
        return self._writes


def test_a_router_sends_each_query_to_its_pool(make_alias, monkeypatch):
    reads, writes = make_alias(maxsize=3, maxwait=30), make_alias(maxsize=2, maxwait=30)
    monkeypatch.setattr(router, "routers", [Router(reads, writes)])

    def visit(number):
        with reads.request(), writes.request():
            pk = Item.objects.create(name=str(number)).pk
            assert Item.objects.get(pk=pk).name == str(number)
            with transaction.atomic(using=writes.name):
                Item.objects.select_for_update().get(pk=pk).delete()

    with running(*[lambda number=number: visit(number) for number in range(50)]) as greenlets:
        join(greenlets)
    assert reads.ask("SELECT count(*) FROM shop_item") == 0
    assert reads.backends <= 3
    assert writes.backends <= 2
    assert writes.pool.snapshot().acquires == 50
    assert reads.pool.snapshot().acquires == 51


# ---- a read replica


@pytest.fixture(scope="module")
def replicated():
    """A primary and its standby; what is committed is on both."""
    with two_servers() as (primary, standby, _):
        yield primary, standby


@pytest.fixture
def primary_and_replica(replicated, make_alias, monkeypatch):
    primary, standby = (
        make_alias(maxsize=4, maxwait=30, USER="postgres", NAME="postgres", HOST=str(one.data))
        for one in replicated
    )
    monkeypatch.setattr(router, "routers", [Router(standby, primary)])
    with primary.wrapper.schema_editor() as editor:
        editor.create_model(Item)
    primary.close()
    yield primary, standby
    with primary.wrapper.schema_editor() as editor:
        editor.delete_model(Item)


@pytest.mark.long
def test_a_router_reads_from_a_real_replica(primary_and_replica):
    primary, standby = primary_and_replica

    def visit(number):
        with primary.request(), standby.request():
            item = Item.objects.create(name=str(number))
            assert Item.objects.get(pk=item.pk)._state.db == standby.name
        assert standby.ask("SELECT pg_is_in_recovery()")
        assert not primary.ask("SELECT pg_is_in_recovery()")

    with running(*[lambda number=number: visit(number) for number in range(60)]) as greenlets:
        join(greenlets)
    assert Item.objects.count() == 60
    standby.close()
    assert standby.pool.snapshot().openings <= 4


@pytest.mark.long
def test_when_the_replica_is_down_writes_go_on(primary_and_replica, replicated):
    primary, standby = primary_and_replica
    assert standby.ask("SELECT 1") == 1
    replicated[1].stop("immediate")
    try:
        with primary.request() as wrapper:
            wrapper.cursor().execute("SET synchronous_commit = local")  # nobody else confirms it
            Item.objects.create(name="x")
        with pytest.raises(OperationalError), standby.request():
            Item.objects.count()
    finally:
        replicated[1].start()
    eventually(lambda: works(standby))
    eventually(lambda: Item.objects.count() == 1)
    standby.close()


def works(alias):
    try:
        return alias.ask("SELECT 1") == 1
    except OperationalError:
        return False


@pytest.mark.long
@pytest.mark.parametrize("wanted", ["any", "prefer-standby", "standby", "read-only"])
def test_a_stray_write_to_a_wanted_replica_closes_nothing(
    primary_and_replica, replicated, make_alias, wanted
):
    """With "any" it may be a primary that was demoted, so that all its connections are replaced."""
    place = {"USER": "postgres", "NAME": "postgres", "HOST": str(replicated[1].data)}
    alias = make_alias(maxsize=3, cleanup=None, target_session_attrs=wanted, **place)
    with running(*[lambda: alias.ask("SELECT 1 FROM pg_sleep(0.05)")] * 3) as greenlets:
        join(greenlets)
    eventually(lambda: alias.pool.snapshot().opening == 0)
    before = alias.pool.snapshot()
    with pytest.raises(InternalError, match="read-only transaction"), alias.request():
        Item.objects.using(alias.name).create(name="x")
    eventually(lambda: alias.pool.snapshot().closing == 0)
    kept = alias.pool.snapshot().idle
    assert kept == (0 if wanted == "any" else before.idle), alias.pool.snapshot()
    assert alias.ask("SELECT 1") == 1


# ---- DATABASES from elsewhere


def test_a_url_gives_strings_and_they_are_understood(make_alias, server):
    parts = {key: value for key, value in server.params.items() if key != "dbname"}
    query = "&".join(f"{key}={value}" for key, value in parts.items())
    url = f"postgres:///{server.name}?{query}&maxsize=3&maxwait=2.5&expires=none&cleanup=10.0"
    parsed = dj_database_url.parse(url, engine="django_pgpool", conn_health_checks=True)
    options = parsed.pop("OPTIONS")
    alias = make_alias(without=tuple(make_alias().settings["OPTIONS"]), **parsed)
    alias.settings["OPTIONS"].update(options, application_name=alias.name)
    assert alias.ask("SELECT current_database()") == server.name
    assert alias.pool.maxsize == 3
    assert alias.pool.maxwait == 2.5


def test_persistent_connections_of_a_url_are_refused(make_alias):
    parsed = dj_database_url.parse("postgres://db/x", engine="django_pgpool", conn_max_age=600)
    with pytest.raises(ImproperlyConfigured, match=r"\['CONN_MAX_AGE'\] must be 0, not 600"):
        make_alias(CONN_MAX_AGE=parsed["CONN_MAX_AGE"]).ask("SELECT 1")


def test_a_url_can_switch_pooling_off(make_alias):
    parsed = dj_database_url.parse("postgres://db/x?pool=false", engine="django_pgpool")
    alias = make_alias(**parsed["OPTIONS"])
    assert alias.ask("SELECT 1") == 1
    assert alias.wrapper.pgpool is None


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES:UserWarning")
def test_override_settings_changes_no_connection_and_ends_no_pool(make_alias, server):
    """Django's connections do not look at the setting again."""
    alias = make_alias(maxsize=1)
    pid, pool = alias.ask("SELECT pg_backend_pid()"), alias.pool
    other = copy.deepcopy(connections.databases)
    other[alias.name]["NAME"] = "template1"
    with override_settings(DATABASES=other):
        assert settings.DATABASES[alias.name]["NAME"] == "template1"
        assert alias.ask("SELECT current_database()") == server.name
        assert alias.pool is pool
    assert alias.ask("SELECT pg_backend_pid()") == pid


def test_another_handler_of_changed_databases_leads_to_another_pool(make_alias, server):
    """What tests do that need changed settings."""
    alias = make_alias(maxsize=1)
    alias.ask("SELECT 1")
    pool = alias.pool
    changed = copy.deepcopy(connections.databases)
    changed[alias.name]["NAME"] = server.make_database()
    handler = type(connections)(changed)
    proxy = ConnectionProxy(handler, alias.name)
    with proxy.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (changed[alias.name]["NAME"],)
    assert proxy.pgpool is not pool
    proxy.close()
    assert alias.ask("SELECT current_database()") == server.name
    assert get_pool(alias.name) is pool
    proxy.close_pool()


# ---- test databases


MIRRORED = {
    "router.py": ROUTER,
    "project.py": FILES["project.py"]
    + """
        import copy
        DATABASES["replica"] = copy.deepcopy(DATABASES["default"])
        DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
        DATABASE_ROUTERS = ["router.Router"]
        """,
    "manage.py": """
        import sys
        import patched
        if __name__ == "__main__":
            from django.core.management import execute_from_command_line
            execute_from_command_line(sys.argv)
        """,
    "notes/tests.py": """
        import threading
        from django.db import connections
        from django.test import TransactionTestCase
        from .models import Note

        class MirrorTests(TransactionTestCase):
            databases = {"default", "replica"}

            def test_what_is_written_is_read_from_the_mirror(self):
                Note.objects.create(text="x")
                seen = []
                def count():
                    seen.append((Note.objects.count(), Note.objects.all().db))
                    connections.close_all()
                threads = [threading.Thread(target=count) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(seen, [(1, "replica")] * 8)
                self.assertIs(connections["replica"].pgpool.closed, False)
                self.assertIsNot(connections["replica"].pgpool, connections["default"].pgpool)
        """,
}


def test_with_an_alias_its_mirrors_are_closed(make_alias):
    """Or a test database could not be dropped that is mirrored under another name of the server."""
    alias = make_alias(maxsize=1)
    host = alias.settings["HOST"] or LOCALHOST
    test = {**alias.settings["TEST"], "MIRROR": alias.name}
    mirror = make_alias(maxsize=1, HOST=f"{host},{host}", TEST=test)
    other = make_alias(maxsize=1, HOST=f"{host},{host},{host}")
    for each in (alias, mirror, other):
        each.ask("SELECT 1")
    alias.wrapper.close_pool()
    eventually(lambda: (alias.backends, mirror.backends, other.backends) == (0, 0, 1))
    assert mirror.ask("SELECT 1") == 1


@pytest.mark.long
@pytest.mark.parametrize("patch", [False, True], ids=["threads", "gevent"])
@pytest.mark.parametrize("host", ["the same", "another name"])
def test_a_mirror_reads_the_test_database_and_lets_it_be_dropped(tmp_path, server, patch, host):
    files = dict(MIRRORED)
    if host == "another name":
        files["project.py"] += 'DATABASES["replica"]["HOST"] += ",127.0.0.1"'
    project = SmallProject(tmp_path, server, files)
    try:
        said = project.run("manage.py", "test", "--noinput", patch=patch)
        assert "Ran 1 test" in said
        assert project.test_databases() == {}
    finally:
        project.drop_test_databases()
