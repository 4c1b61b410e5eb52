"""What follows from the settings is found out once, as far as it does follow from them."""

import gevent
import pytest
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.utils.functional import lazy
from gevent.threadpool import ThreadPool
from greenlet import getcurrent

from django_pgpool import registry
from django_pgpool.wrapper import PooledMixin


@pytest.fixture
def role(server):
    return server.make_role()


def open_two(alias):
    """Two connections at a time; the second is opened when the first one's opener has ended."""

    def second():
        with alias.request():
            return alias.value("SELECT session_user || ' as ' || current_user")

    with alias.request() as first:
        first.ensure_connection()
        return gevent.spawn(second).get(timeout=20)


def test_openings_in_different_greenlets_configure_the_session(make_alias, role, monkeypatch):
    openers = []
    open_connection = PooledMixin.open_connection

    def note(wrapper, params):
        openers.append(getcurrent())  # kept: none gets the address of another
        return open_connection(wrapper, params)

    monkeypatch.setattr(PooledMixin, "open_connection", note)
    alias = make_alias(maxsize=2, assume_role=role)
    assert open_two(alias).endswith(f" as {role}")
    assert len(set(openers)) == 2


@pytest.mark.parametrize("where", ["PASSWORD", "sslpassword"])
def test_a_value_that_is_worked_out_when_it_is_asked_for_is_asked_for_each_connection(
    make_alias, where
):
    asked = []

    def work_out():
        asked.append(where)
        return "told"

    value = lazy(work_out, str)()
    alias = make_alias(**{where: value})
    alias.ask("SELECT 1")
    before = len(asked)
    assert before
    alias.pool.drain()
    alias.ask("SELECT 1")
    assert len(asked) > before


def test_a_constant_password_is_not_asked_for_again(make_alias, monkeypatch):
    alias = make_alias(maxsize=2, PASSWORD="constant")
    alias.ask("SELECT 1")

    def again(wrapper):
        raise AssertionError("asked again")

    monkeypatch.setattr(PooledMixin, "get_connection_params", again)
    alias.pool.drain()
    assert alias.ask("SELECT 1") == 1


@pytest.mark.parametrize("method", ["get_connection_params", "get_new_connection"])
def test_who_patches_djangos_method_later_is_called_with_what_django_passes(
    alias, monkeypatch, method
):
    alias.ask("SELECT 1")
    original = getattr(PostgresWrapper, method)
    seen = []

    def patched(wrapper, *arguments):
        seen.append(arguments)
        return original(wrapper, *arguments)

    monkeypatch.setattr(PostgresWrapper, method, patched)
    alias.pool.drain()
    alias.ask("SELECT 1")
    assert seen
    for (params,) in filter(None, seen):
        assert params["dbname"] == alias.server.name
        assert "dsn" not in params


def test_an_engine_may_keep_something_between_connecting_and_configuring(make_alias):
    kept = []

    class Own(type(make_alias().wrapper)):
        note = None

        def open_connection(self, params):
            self.note = "connected"
            return super().open_connection(params)

        def _configure_connection(self, connection):
            if connection is self.connection and self._hold is None:
                kept.append(self.note)
            return super()._configure_connection(connection)

    alias = make_alias()
    own = Own(alias.settings, alias.name)
    own.ensure_connection()
    own.close()
    assert kept == ["connected"]


def test_what_is_known_does_not_show_the_password(make_alias):
    alias = make_alias(PASSWORD="hush")
    alias.ask("SELECT 1")
    (entry,) = [entry for entry in registry.entries() if entry.pool is alias.pool]
    assert "hush" not in repr(entry.openers._known)


def test_native_threads_open_with_a_role(make_alias, role):
    alias = make_alias(maxsize=2, assume_role=role)

    def ask():
        return alias.ask("SELECT current_user")

    workers = ThreadPool(1)
    assert workers.apply(ask) == role
    workers.kill()
    alias.pool.drain()
    assert alias.ask("SELECT current_user") == role
