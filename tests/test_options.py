"""OPTIONS: what is accepted, and what becomes of it."""

import pytest
from support.driver import IS_PSYCOPG3

from django_pgpool.drivers.chosen import is_libpq_parameter
from django_pgpool.options import PoolOptions, is_pooled, parse


def options(**values):
    return parse("default", {"CONN_MAX_AGE": 0, "OPTIONS": values}, is_libpq_parameter)


def test_without_options_the_defaults_are_those_of_the_documentation():
    assert options() == PoolOptions(
        maxsize=20, maxwait=10.0, expires=300.0, cleanup=20.0, minsize=0, maxwaiting=None
    )


@pytest.mark.parametrize(
    ("name", "given", "parsed"),
    [
        ("maxsize", "20", 20),
        ("maxsize", "10.0", 10),
        ("maxsize", 7.0, 7),
        ("minsize", " 2 ", 2),
        ("minsize", 0, 0),
        ("maxwaiting", "50", 50),
        ("maxwaiting", "None", None),
        ("maxwait", "10.0", 10.0),
        ("maxwait", "0.25", 0.25),
        ("maxwait", 3, 3.0),
        ("expires", "300", 300.0),
        ("expires", None, None),
        ("expires", "none", None),
        ("cleanup", "1e1", 10.0),
        ("cleanup", None, None),
        ("connect_timeout", "3", 3.0),
    ],
)
def test_numbers_may_be_strings_as_they_are_in_a_database_url(name, given, parsed):
    value = getattr(options(**{name: given}), name)
    assert value == parsed
    assert type(value) is type(parsed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sslmode", "require"),
        ("keepalives_idle", 30),
        ("application_name", "shop"),
        ("options", "-c search_path=shop"),
        ("target_session_attrs", "read-write"),
        ("service", "shop"),
        ("passfile", "/etc/pgpass"),
        ("tcp_user_timeout", "5000"),
        ("isolation_level", 3),
        ("assume_role", "shop"),
        ("server_side_binding", False),
        ("pool", False),
        ("pool", None),
        ("cursor_factory", object),
        ("prepare_threshold", 5) if IS_PSYCOPG3 else ("connection_factory", object),
    ],
)
def test_what_libpq_django_and_the_driver_take_is_accepted(name, value):
    assert options(**{name: value}) == PoolOptions()


def test_pool_false_or_none_means_not_pooled():
    assert is_pooled({})
    assert not is_pooled({"pool": False})
    assert not is_pooled({"pool": None})


def test_the_pool_follows_its_options(make_alias):
    alias = make_alias(maxsize="3", minsize="1", maxwait="31.5", maxwaiting="7", expires="60")
    pool = alias.pool
    assert (pool.maxsize, pool.minsize, pool.maxwait, pool.maxwaiting) == (3, 1, 31.5, 7)
    assert pool.expires == 60
    alias.ask("SELECT 1")


def test_options_of_the_pool_do_not_reach_libpq(make_alias):
    alias = make_alias(
        maxsize=2, minsize=0, maxwait=30, maxwaiting=5, expires=60, cleanup=20, connect_timeout=1.2
    )
    params = alias.wrapper.get_connection_params()
    assert not {"maxsize", "minsize", "maxwait", "maxwaiting", "expires", "cleanup"} & {*params}
    assert params["connect_timeout"] == 2  # libpq takes whole seconds, and 1 for 2
    alias.settings["OPTIONS"]["connect_timeout"] = 30
    assert alias.ask("SELECT 1") == 1


def test_connection_parameters_reach_the_server(make_alias):
    alias = make_alias(maxsize=1, options="-c statement_timeout=4321")
    assert alias.ask("SHOW statement_timeout") == "4321ms"


@pytest.mark.parametrize("flag", [False, None])
def test_a_wrapper_with_pool_false_has_a_connection_of_its_own(alias, flag):
    with alias.request():
        pid = alias.pid()
        copy = alias.copy(options={"pool": flag})
        with copy.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            own = cursor.fetchone()[0]
        assert own != pid  # the pool of one is taken
        assert copy.pgpool is None
        assert alias.pids == {pid, own}
        copy.close()
        assert alias.pool.snapshot().size == 1


def test_a_wrapper_with_pool_false_may_keep_its_connection_as_django_does(alias):
    copy = alias.copy(options={"pool": False}, CONN_MAX_AGE=60)
    copy.ensure_connection()
    connection = copy.connection
    copy.close_if_unusable_or_obsolete()
    assert copy.connection is connection
    copy.close()
    assert copy.connection is None


def test_wrappers_with_other_options_under_the_same_alias_do_not_share_a_pool(alias):
    with alias.request():
        pid = alias.pid()
        copy = alias.copy(options={"maxsize": 2})
        assert copy.pgpool is not alias.pool
        assert copy.pgpool.maxsize == 2
        copy.ensure_connection()
        assert alias.pids == {pid, copy.connection.info.backend_pid}
        copy.close()
    copy.close_pool()
