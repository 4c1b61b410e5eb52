"""OPTIONS that are refused, with the words that say what to do instead."""

import dataclasses
import re

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_pgpool.drivers.chosen import is_libpq_parameter
from django_pgpool.options import PoolOptions, parse

WHOLE = "a whole number, at least {}"
SECONDS = "a number of seconds greater than 0"
NO_LIMIT = " (or None for no limit)"
ALL = ", ".join(field.name for field in dataclasses.fields(PoolOptions))


def message(max_age=0, **options):
    with pytest.raises(ImproperlyConfigured) as caught:
        parse("shop", {"CONN_MAX_AGE": max_age, "OPTIONS": options}, is_libpq_parameter)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("maxsize", WHOLE.format(1)),
        ("minsize", WHOLE.format(0)),
        ("maxwaiting", WHOLE.format(1) + NO_LIMIT),
        ("maxwait", SECONDS),
        ("expires", SECONDS + NO_LIMIT),
        ("cleanup", SECONDS + NO_LIMIT),
        ("stats_interval", "a number of seconds, at least 0.1" + NO_LIMIT),
        ("connect_timeout", SECONDS),
    ],
)
@pytest.mark.parametrize(
    "value",
    [-1, "-1", "many", "", "1,5", True, False, [], {}, float("nan"), float("inf"), "inf", b"5"],
    ids=repr,
)
def test_a_wrong_value_is_refused_with_what_would_be_right(name, expected, value):
    said = message(**{name: value})
    assert said == f"DATABASES['shop']['OPTIONS'][{name!r}] must be {expected}, not {value!r}."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxsize", 0),
        ("maxsize", 2.5),
        ("maxsize", "2.5"),
        ("maxsize", None),
        ("minsize", 0.5),
        ("minsize", None),
        ("maxwaiting", 0),
        ("maxwait", 0),
        ("maxwait", None),
        ("maxwait", "none"),
        ("expires", 0),
        ("cleanup", "0"),
        ("stats_interval", 0.01),
        ("connect_timeout", 0),
        ("connect_timeout", None),
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    assert message(**{name: value}).startswith(f"DATABASES['shop']['OPTIONS'][{name!r}] must be a ")


def test_more_connections_kept_than_allowed_are_refused():
    assert message(maxsize=2, minsize=3) == (
        "DATABASES['shop']['OPTIONS']: minsize=3 is more than maxsize=2. "
        "Lower minsize or raise maxsize."
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max_size", " Instead, use 'maxsize'."),
        ("MAXSIZE", " Did you mean 'maxsize'?"),
        ("maxwit", " Did you mean 'maxwait'?"),
        ("max_wait", " Did you mean 'maxwait'?"),
        ("min_sizes", " Did you mean 'minsize'?"),
        ("expire", " Did you mean 'expires'?"),
        ("clean_up", " Did you mean 'cleanup'?"),
        ("ssl_mode", " Did you mean 'sslmode'?"),
        ("keepalive_idle", " Did you mean 'keepalives_idle'?"),
        ("isolationlevel", " Did you mean 'isolation_level'?"),
        ("MAX_CONNS", " Instead, use 'maxsize'."),
        ("max_lifetime", " Instead, use 'expires'."),
        ("timeout", " Instead, use 'maxwait'."),
        ("CONN_MAX_AGE", " Instead, set it beside OPTIONS, to 0."),
        ("frobnicate", ""),
        ("dsn", ""),
        ("async", ""),
    ],
)
def test_an_unknown_key_is_refused_by_name_with_the_nearest_right_one(name, hint):
    assert message(**{name: 5}) == (
        f"DATABASES['shop']['OPTIONS'] has an unknown key {name!r}: it is neither an option of "
        f"django_pgpool ({ALL}) nor a connection parameter of libpq.{hint}"
    )


@pytest.mark.parametrize("max_age", [60, None, 0.5, "60"])
def test_connections_kept_by_django_are_refused(max_age):
    assert message(max_age) == (
        f"DATABASES['shop']['CONN_MAX_AGE'] must be 0, not {max_age!r}: the pool keeps connections "
        "open between requests. How long is up to OPTIONS 'expires' and 'cleanup'."
    )


@pytest.mark.parametrize("pool", [True, {"min_size": 2}, 1])
def test_djangos_own_pool_is_refused(pool):
    assert message(pool=pool) == (
        "DATABASES['shop']['OPTIONS']['pool'] switches on Django's own pool, beside this engine's. "
        "(Its kind of Database pooling requires psycopg >= 3.) "
        'Remove it: the engine django_pgpool is a pool. ("pool": False switches pooling off.)'
        + (" For 'min_size', use 'minsize'." if isinstance(pool, dict) else "")
    )


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (
            {"POOL_OPTIONS": {"POOL_SIZE": 3, "TIMEOUT": 2}},
            "DATABASES['shop']['POOL_OPTIONS'] is of another pool. Instead, put the names that are "
            "used here into OPTIONS. For 'POOL_SIZE', use 'maxsize', which is the limit of all "
            "connections; for 'TIMEOUT', use 'maxwait'.",
        ),
        (
            {"MAX_CONNS": 20},
            "DATABASES['shop']['MAX_CONNS'] is of another pool. Instead, use 'maxsize'.",
        ),
        (
            {"maxsize": 20},
            "DATABASES['shop']['maxsize'] is an option of django_pgpool. Put it into OPTIONS.",
        ),
    ],
)
def test_an_option_beside_options_is_refused(beside, said):
    with pytest.raises(ImproperlyConfigured) as caught:
        parse("shop", {"OPTIONS": {}, **beside}, is_libpq_parameter)
    assert str(caught.value) == said


def test_the_switch_that_other_pools_ask_for_does_not_switch_this_one_off_unnoticed(make_alias):
    alias = make_alias()
    alias.settings["OPTIONS"].update({"MAX_CONNS": 20, "pool": False})
    with pytest.raises(ImproperlyConfigured) as caught:
        alias.wrapper.ensure_connection()
    assert str(caught.value).endswith(
        'has options of another pool, and "pool": False, which switches this one off. '
        "Remove 'pool'. For 'MAX_CONNS', use 'maxsize'."
    )


@pytest.mark.parametrize(
    "settings",
    [{"max_size": 5}, {"maxsize": "many"}, {"pool": True}, {"CONN_MAX_AGE": 60}],
    ids=str,
)
def test_every_query_says_so_and_no_connection_is_opened(make_alias, settings):
    alias = make_alias(**settings)
    (name,) = settings
    ours = rf"^DATABASES\['{alias.name}'\].*{re.escape(repr(name))}"
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match=ours):
            alias.wrapper.ensure_connection()
    assert alias.backends == 0
