"""Our connect() leaves out what is the same each time; nobody must be able to tell."""

import inspect
import textwrap
from functools import partial, wraps
from unittest.mock import patch

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from django.db.backends.signals import connection_created

from django_pgpool.base import DatabaseWrapper
from django_pgpool.wrapper import PooledMixin, djangos_own

DIFFERENT_BY_NATURE = {"close_at", "connection", "_hold", "settings_dict"}
OBJECTS = {"client", "creation", "features", "introspection", "ops", "validation"}


@pytest.fixture(params=["fresh", "used", "broken off", "after autocommit off"])
def history(request):
    """What the wrapper has been through before it connects."""

    def live(wrapper):
        if request.param == "fresh":
            return
        wrapper.ensure_connection()
        if request.param == "broken off":
            wrapper.in_atomic_block = True
            wrapper.needs_rollback = True
            wrapper.savepoint_ids = ["s1"]
            wrapper.atomic_blocks = [None]
            wrapper.closed_in_transaction = True
            wrapper.errors_occurred = True
            wrapper.run_on_commit = [(set(), print, False)]
            wrapper._release()
        elif request.param == "after autocommit off":
            wrapper.set_autocommit(False)
            wrapper.commit()
            wrapper.close()
        else:
            wrapper.close()

    return live


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("checks", [True, False])
def test_every_attribute_is_as_after_djangos_own(
    make_alias, history, autocommit, checks, monkeypatch
):
    states, params = [], "get_connection_params"
    for short in (True, False):
        monkeypatch.setattr(DatabaseWrapper, "_takes_the_short_way", short)
        alias = make_alias(
            maxsize=1,
            application_name="same",
            AUTOCOMMIT=autocommit,
            CONN_HEALTH_CHECKS=checks,
            isolation_level=IsolationLevel.REPEATABLE_READ,
        )
        wrapper = DatabaseWrapper({**alias.settings}, alias.name)
        history(wrapper)
        heard = []

        def hear(sender, connection, heard=heard, wrapper=wrapper, **kwargs):
            if connection is wrapper:
                heard.append((sender, sorted(kwargs), wrapper.connection.autocommit))

        connection_created.connect(hear)
        try:
            with patch.object(wrapper, params, wraps=getattr(wrapper, params)) as asked:
                wrapper.connect()
        finally:
            connection_created.disconnect(hear)
        assert asked.called == (not short), "Django's own asks for the parameters each time"
        state = {
            name: value
            for name, value in vars(wrapper).items()
            if name not in DIFFERENT_BY_NATURE | OBJECTS | {"alias"} and "lock" not in name
        }
        state["wrap_database_errors"] = None  # made when it is first used
        state["close_at"] = type(wrapper.close_at)
        raw = wrapper.connection
        state["raw"] = (raw.autocommit, raw.isolation_level, raw.get_transaction_status())
        states.append((state, heard))
        wrapper.close()
    assert states[0] == states[1]
    assert states[0][1], "connection_created is sent"


def lines_of(method):
    """Without decorators, comments and the docstring."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(method)))
    return [
        line.strip()
        for line in source.splitlines()
        if line.strip() and not line.strip().startswith(("#", '"""', "@", "def "))
    ]


def test_django_has_not_changed_what_we_shorten():
    """If this fails, read Django's methods again and change ours, and this text, accordingly."""
    assert lines_of(BaseDatabaseWrapper.connect) == [
        "self.check_settings()",
        "self.in_atomic_block = False",
        "self.savepoint_ids = []",
        "self.atomic_blocks = []",
        "self.needs_rollback = False",
        'self.health_check_enabled = self.settings_dict["CONN_HEALTH_CHECKS"]',
        'max_age = self.settings_dict["CONN_MAX_AGE"]',
        "self.close_at = None if max_age is None else time.monotonic() + max_age",
        "self.closed_in_transaction = False",
        "self.errors_occurred = False",
        "self.health_check_done = True",
        "conn_params = self.get_connection_params()",
        "self.connection = self.get_new_connection(conn_params)",
        'self.set_autocommit(self.settings_dict["AUTOCOMMIT"])',
        "self.init_connection_state()",
        "connection_created.send(sender=self.__class__, connection=self)",
        "self.run_on_commit = []",
    ]
    assert lines_of(BaseDatabaseWrapper.close) == [
        "self.validate_thread_sharing()",
        "self.run_on_commit = []",
        "if self.closed_in_transaction or self.connection is None:",
        "return",
        "try:",
        "self._close()",
        "finally:",
        "if self.in_atomic_block:",
        "self.closed_in_transaction = True",
        "self.needs_rollback = True",
        "else:",
        "self.connection = None",
    ]
    assert lines_of(BaseDatabaseWrapper.close_if_health_check_failed) == [
        "if (",
        "self.connection is None",
        "or not self.health_check_enabled",
        "or self.health_check_done",
        "):",
        "return",
        "if not self.is_usable():",
        "self.close()",
        "self.health_check_done = True",
    ]


def test_a_subclass_with_its_own_ideas_goes_djangos_way(make_alias):
    seen = []

    class Own(DatabaseWrapper):
        def get_new_connection(self, conn_params):
            seen.append(conn_params["dbname"])
            return super().get_new_connection(conn_params)

    alias = make_alias(maxsize=1)
    wrapper = Own({**alias.settings}, alias.name)
    for _ in range(2):
        wrapper.ensure_connection()
        wrapper.close()
    assert seen == [alias.settings["NAME"]] * 2
    wrapper.close_pool()


def test_parameters_are_not_computed_for_a_reused_connection(alias, monkeypatch):
    alias.ask("SELECT 1")
    monkeypatch.setattr(DatabaseWrapper, "get_connection_params", None)
    assert alias.ask("SELECT 1") == 1


@pytest.mark.parametrize("method", ["connect", "close"])
def test_who_patches_djangos_own_method_is_called(alias, monkeypatch, method):
    """As Sentry does with connect()."""
    alias.ask("SELECT 1")
    seen = []
    original = getattr(BaseDatabaseWrapper, method)

    def watched(wrapper):
        seen.append(method)
        return original(wrapper)

    monkeypatch.setattr(BaseDatabaseWrapper, method, watched)
    assert alias.ask("SELECT 1") == 1
    assert seen == [method]


@pytest.mark.parametrize("method", ["connect", "close"])
def test_who_has_patched_it_before_the_engine_was_imported_is_noticed(method):
    """As Sentry does where it is begun in the settings, wrapping what it replaces."""
    original = getattr(BaseDatabaseWrapper, method)
    assert djangos_own(original) is original

    def timed(wrapper):
        return original(wrapper)

    assert djangos_own(timed) is None
    assert djangos_own(wraps(original)(timed)) is None
    assert djangos_own(partial(timed, None)) is None, "it may be no function at all"


@pytest.mark.parametrize("method", ["connect", "close"])
def test_a_class_below_the_mixin_keeps_its_own_ideas(make_alias, method):
    seen = []

    def own(wrapper):
        seen.append(method)
        return getattr(super(Below, wrapper), method)()

    Below = type("Below", (PostgresWrapper,), {method: own})  # noqa: N806  it is a class
    alias = make_alias(maxsize=1)
    wrapper = type("Own", (PooledMixin, Below), {})({**alias.settings}, alias.name)
    wrapper.ensure_connection()
    wrapper.close()
    assert seen == [method]
    wrapper.close_pool()


class Below(PostgresWrapper):
    """Has a password of this moment."""

    asked = 0

    def get_connection_params(self):
        type(self).asked += 1
        return {**super().get_connection_params(), "application_name": f"moment {self.asked}"}


class Above(DatabaseWrapper):
    asked = 0

    def get_connection_params(self):
        type(self).asked += 1
        return {**super().get_connection_params(), "application_name": f"moment {self.asked}"}


class Connecting(PostgresWrapper):
    """Looks at the parameters, and may change them."""

    asked = 0

    def get_new_connection(self, conn_params):
        type(self).asked += 1
        changed = {**conn_params, "application_name": f"moment {self.asked}"}
        assert changed["dbname"] == self.settings_dict["NAME"]
        return super().get_new_connection(changed)


@pytest.mark.parametrize("own", [Above, Below, Connecting])
def test_a_class_with_its_own_parameters_is_asked_for_each_connection(make_alias, own):
    own.asked = 0
    alias = make_alias(maxsize=2)
    cls = own if own is Above else type("Own", (PooledMixin, own), {})
    wrappers = [cls({**alias.settings}, alias.name) for _ in range(2)]
    names = []
    for wrapper in wrappers:
        with wrapper.cursor() as cursor:
            cursor.execute("SHOW application_name")
            names += cursor.fetchone()
    assert names == ["moment 1", "moment 2"]
    for wrapper in wrappers:
        wrapper.close()
    wrappers[0].close_pool()
