"""Who takes part in a comparison, and with which settings."""

from __future__ import annotations

import pytest

from loadtests.compare.contestants import chosen, contestants
from loadtests.compare.part import Part
from loadtests.errors import LoadTestError
from loadtests.scenarios import PoolSettings

POOL = PoolSettings(maxsize=7, maxwait=1.5, expires=60.0, cleanup=2.5)
THERE = {one.name: one for one in contestants(POOL)}


def names(engines=None, without=None):
    return [one.name for one in chosen(POOL, engines, without)]


def test_all_are_compared_with_ours_which_comes_first():
    assert names()[0] == "django_pgpool"
    assert set(THERE) - set(names()) == {"geventpool3"}
    assert names("geventpool3, native") == ["django_pgpool", "geventpool3", "native"]


def test_without_pgbouncer_are_all_that_do_not_need_it():
    left = names(without="pgbouncer,native-full")
    assert not any("pgbouncer" in name for name in left)
    assert "native" in left
    assert "native-full" not in left


@pytest.mark.parametrize(
    ("engines", "without", "said"),
    [
        ("nonsense", None, "--engines nonsense: there is no such engine, only django_pgpool, "),
        (None, "nonsense", "--without nonsense: there is no such engine, only django_pgpool, "),
        (None, "django_pgpool", "--without django_pgpool: the others are compared with it"),
        ("django_pgpool", None, "nobody to compare django_pgpool with"),
        ("pgbouncer", "pgbouncer", "nobody to compare django_pgpool with"),
    ],
)
def test_wrong_names_are_told_by_option_and_name(engines, without, said):
    with pytest.raises(LoadTestError) as caught:
        names(engines, without)
    assert said in str(caught.value)


def test_everybody_gets_the_same_limits_as_far_as_an_engine_has_them():
    options = {name: one.engine.options for name, one in THERE.items()}
    assert options["django_pgpool"] == {
        "maxsize": 7, "maxwait": 1.5, "expires": 60.0, "cleanup": 2.5
    }  # fmt: skip
    assert options["geventpool"]["MAX_CONNS"] == options["geventpool"]["REUSE_CONNS"] == 7
    native = options["native"]["pool"]
    assert (native["min_size"], native["max_size"], native["timeout"]) == (0, 7, 1.5)
    assert (native["max_idle"], native["max_lifetime"]) == (2.5, 60.0)
    assert options["native-full"]["pool"]["min_size"] == 7
    sqlalchemy = THERE["sqlalchemy"].engine.settings["POOL_OPTIONS"]
    assert sqlalchemy == {"POOL_SIZE": 7, "MAX_OVERFLOW": 0, "TIMEOUT": 1.5, "RECYCLE": 60.0}
    for name in ("pgbouncer", "pgbouncer+django_pgpool"):
        bouncer = THERE[name].bouncer
        assert bouncer["default_pool_size"] == 7
        assert bouncer["query_wait_timeout"] == 1.5
        assert (bouncer["server_idle_timeout"], bouncer["server_lifetime"]) == (2.5, 60.0)


def test_behind_pgbouncer_nothing_needs_a_session_of_its_own():
    for name in ("pgbouncer", "pgbouncer+django_pgpool"):
        engine = THERE[name].engine
        assert engine.settings == {"CONN_MAX_AGE": 0, "DISABLE_SERVER_SIDE_CURSORS": True}
    assert THERE["pgbouncer+django_pgpool"].engine.options["reset"] == "never"


def test_what_is_said_of_an_engine_is_what_it_is_given():
    for one in THERE.values():
        assert one.documentation.startswith(("https://", "README.md"))
        for name, value in one.engine.options.items():
            if name != "pool":
                shown = f"{value:g}" if isinstance(value, float) else value
                assert f"{name}={shown}" in one.engine.about


def test_each_round_begins_elsewhere_and_has_everybody():
    there = list(THERE.values())
    orders = [Part(None, there).turns(number, 3) for number in range(3)]
    assert len({order[0].name for order in orders}) == 3
    assert all({one.name for one in order} == set(THERE) for order in orders)


def test_only_what_needs_it_gets_an_environment_and_there_what_the_load_needs():
    assert THERE["django_pgpool"].requirements == THERE["pgbouncer"].requirements == ()
    assert "hdrhistogram" in THERE["native"].requirements
