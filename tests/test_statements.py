"""What is known of a statement by its text: whether it may leave something in the session."""

from collections import UserDict

import pytest
from psycopg2.extensions import AsIs
from psycopg2.extras import Json

from django_pgpool.drivers.parameters import inlines_sql
from django_pgpool.drivers.statements import leaves_state


@pytest.mark.parametrize("comment", ["/* why */", "-- because", "/* why */ -- because", "("])
def test_the_time_does_not_explode_with_the_number_of_comments(comment):
    """At 2 to the power of it, 30 would take minutes, and nothing else would run meanwhile."""
    comments = f"{comment}\n" * 10_000
    assert not leaves_state(f"SELECT 1;\n{comments}")
    assert not leaves_state(f"{comments}SELECT 1")
    assert leaves_state(f"{comments}$")
    assert leaves_state(f"{comments}SET x.y = 1")


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT "t"."temp" FROM "t" WHERE "t"."temp" > %s',
        'CREATE TABLE "t" ("temp" int, "temporary" int)',
        "CREATE DATABASE a TEMPLATE b",
        "SELECT SET_CONFIG( 'a.b', %(value)s , TRUE )",
        "SELECT set_config('a.b', '7', true), set_config('a.c', %s, true)",
        "SET LOCAL search_path = a, b; SELECT 1",
        'SET CONSTRAINTS "a"."b" IMMEDIATE; ALTER TABLE "t" DROP CONSTRAINT "b"',
        "DECLARE c CURSOR FOR SELECT 1",
        'SELECT "accounts_status"."id", "asset_limit" FROM "accounts_status"',
        'SELECT "declared_value", "threshold" FROM "shipments"',
        "SELECT 1; -- done\n",
        "SELECT 1; /* done */",
        "/***/ SELECT 1",
    ],
)
def test_harmless(statement):
    assert not leaves_state(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config(%s, %s, %s)",
        "SELECT set_config('a.b', E'x', true)",
        "SELECT set_config('a.b', '\\', true) -- ', true), false)",
        "SELECT set_config('a.b', 'x', not true)",
        "SELECT set_config('a.b', 'x', true or false)",
        "SELECT set_config('Search_Path', 'a', true)",
        "SELECT setting FROM pg_settings",
        "SELECT query_to_xml(E'SELECT set\\x5fconfig(''a.b'', ''7'', false)', true, true, '')",
        "SELECT setseed(0.5)",
        "SELECT set_limit(0.5)",
        "SELECT pg_replication_origin_session_setup('x')",
        "SELECT dblink_connect('x', 'dbname=x')",
        "SET LOCAL search_path TO a, %s",
        "SET LOCAL search_path TO 'a'",
        'SET LOCAL search_path TO "a;select", %s',
        'SET LOCAL "a" = 1',
        "SET LOCAL/**/a = 1",
        "SET LOCAL",
        "SET",
        "/*/ SELECT 1",
        "/* SELECT 1",
        "-- SELECT 1",
        "\ufeffSELECT 1",
        "\xa0SELECT 1",
        "PREPARE TRANSACTION 'x'",
    ],
)
def test_in_doubt(statement):
    assert leaves_state(statement)


@pytest.mark.parametrize("parameters", [[], (1, "x", None), {"a": [1, [2.5]]}, [Json({}), ("x",)]])
def test_parameters_that_become_literals(parameters):
    assert not inlines_sql(parameters)


@pytest.mark.parametrize(
    "parameters", [[1, AsIs("x")], {"a": ([AsIs("x")],)}, iter([1]), UserDict()]
)
def test_parameters_in_doubt(parameters):
    assert inlines_sql(parameters)
