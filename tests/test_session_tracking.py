"""reset="auto": every way to change the session by SQL is noticed, and ordinary work is not."""

import json

import pytest
from django.db import connections, models, transaction
from django.db.backends.postgresql.psycopg_any import sql
from django.test.utils import isolate_apps
from psycopg2 import extras
from psycopg2.extensions import AsIs
from shop.models import Item
from support.driver import IS_PSYCOPG3, only_psycopg2
from support.processes import DJANGO, run_python

LOOK = """SELECT concat_ws(' ', 'settings:', current_setting('shop.tenant', true),
    current_setting('local.t', true), current_setting('transaction.t', true),
    current_setting('constraints.t', true), current_setting('statement_timeout'), 'tables:',
    (SELECT count(*) FROM pg_class WHERE relname = 'notes' AND relpersistence = 't'))"""
SET_CONFIG = sql.SQL("SELECT {}(%s, %s, false)").format(sql.Identifier("set_config"))


class Lowered(AsIs):
    pass


CHANGES = {
    "composed": (SET_CONFIG, ["shop.tenant", "7"]),
    "quoted": ("SELECT \"set_config\"('shop.tenant', '7', false)",),
    "comment in the call": ("SELECT set_config/**/('shop.tenant', '7', false)",),
    "value that lies": ("SELECT set_config('shop.tenant', 'x, true)', false)",),
    "value that lies more": ("SELECT set_config('shop.tenant', '7' || ', true)', false)",),
    "comment that lies": ("SELECT set_config('shop.tenant', '7'/*, true)*/, false)",),
    "parameter decides": ("SELECT set_config('shop.tenant', '7', %s)", [False]),
    "one of two": (
        "SELECT set_config('shop.x', '7', true), set_config('shop.tenant', '7', false)",
    ),
    "disguised": ("SELECT U&\"set\\005fconfig\"('shop.tenant', '7', false)",),
    "pg_settings": ("UPDATE pg_settings SET setting = '9000' WHERE name = 'statement_timeout'",),
    "statement as parameter": (
        "SELECT ts_stat(%s)",
        ["SELECT to_tsvector(set_config('shop.tenant', 'seven', false))"],
    ),
    "SET local.": ("SET local.t = '7'",),
    "SET local .": ("SET local .t = '7'",),
    "SET transaction.": ("SET transaction.t = '7'",),
    "SET transaction .": ("SET transaction .t = '7'",),
    "SET constraints.": ("SET constraints.t = '7'",),
    "comments nest": ("/* a /* b */ SELECT 1 */ SET shop.tenant = '7'",),
    "line ends with CR": ("-- SELECT\rSET shop.tenant = '7'\n",),
    "semicolon in a line comment": ("-- ;select\nSET shop.tenant = '7'",),
    "semicolon in a comment": ("/* ;select */ SET shop.tenant = '7'",),
    "AsIs": ("SELECT %s", [AsIs("set_config('shop.tenant', '7', false)")]),
    "AsIs by name": ("SELECT %(x)s", {"x": AsIs("set_config('shop.tenant', '7', false)")}),
    "AsIs as statement": ("SELECT 1%s", (AsIs("; SET shop.tenant = '7'"),)),
    "AsIs in a list": ("SELECT %s", [[AsIs("set_config('shop.tenant', '7', false)")]]),
    "AsIs of one's own": ("SELECT %s", [Lowered("set_config('shop.tenant', '7', false)")]),
    "temporary /**/": ("CREATE/**/TEMP TABLE notes (id int)",),
    "temporary --": ("CREATE --x\n TEMP TABLE notes (id int)",),
    'temporary"': ('CREATE TEMP TABLE"notes"(id int)',),
    'TEMP"': ('SELECT 1 AS id INTO TEMP"notes"',),
    "into /**/": ("SELECT 1 AS id INTO /* x */ TEMPORARY notes",),
    "sequence": ("CREATE TEMP SEQUENCE notes",),
    "disguised schema": ('CREATE TABLE U&"pg\\005ftemp".notes (id int)',),
    "search_path": ("BEGIN; SET LOCAL search_path TO pg_temp; CREATE TABLE notes (); COMMIT",),
    "search_path as parameter": (
        "BEGIN; SET LOCAL search_path TO %s; CREATE TABLE notes (); COMMIT",
        ["pg_temp"],
    ),
    "schema as parameter": (
        "BEGIN; SET LOCAL SCHEMA %s; CREATE TABLE notes (); COMMIT",
        ["pg_temp"],
    ),
    "search_path by set_config": (
        "BEGIN; SELECT set_config('search_path', %s, true); CREATE TABLE notes (); COMMIT",
        ["pg_temp"],
    ),
    "setting as parameter": (
        "BEGIN; SELECT set_config(%s, %s, true); CREATE TABLE notes (); COMMIT",
        ["search_path", "pg_temp"],
    ),
    "search_path disguised": (
        r"BEGIN; SET LOCAL search_path TO E'pg\x5ftemp'; CREATE TABLE notes (); COMMIT",
    ),
}

if IS_PSYCOPG3:  # there a parameter is never a part of the statement
    CHANGES = {name: change for name, change in CHANGES.items() if not name.startswith("AsIs")}


def undone(alias, change):
    """Do it in a request; the next one finds the session as it was, and it is the same session."""
    pid, before = alias.ask("SELECT pg_backend_pid()"), alias.ask(LOOK)
    with alias.request():
        change()
        assert alias.value(LOOK) != before, "nothing was changed: this test shows nothing"
    assert alias.ask(LOOK).split() == before.split()
    assert alias.ask("SELECT pg_backend_pid()") == pid


@pytest.mark.parametrize("change", CHANGES)
def test_is_noticed(alias, change):
    def execute():
        with alias.wrapper.cursor() as cursor:
            cursor.execute(*CHANGES[change])

    undone(alias, execute)


def test_a_function_in_a_declared_cursor_is_noticed(alias):
    def fetch():
        with transaction.atomic(using=alias.name), alias.wrapper.cursor() as cursor:
            cursor.execute("DECLARE c CURSOR FOR SELECT set_config('shop.tenant', '7', false)")
            cursor.execute("FETCH c")

    undone(alias, fetch)


@only_psycopg2("psycopg has no AsIs")
@pytest.mark.parametrize("rows", [list, iter])
def test_a_row_of_executemany_is_noticed(alias, rows):
    def execute():
        with alias.wrapper.cursor() as cursor:
            values = [[7], [AsIs("set_config('shop.tenant', '7', false)")], [8]]
            cursor.executemany("SELECT %s", rows(values))

    undone(alias, execute)


def test_a_cursor_that_holds_is_noticed(alias):
    """The semicolon must not part the word from what makes it matter."""
    with alias.request(), alias.wrapper.cursor() as cursor:
        cursor.execute('DECLARE ";select" CURSOR WITH HOLD FOR SELECT 1')
    assert alias.ask("SELECT count(*) FROM pg_cursors WHERE name = ';select'") == 0


@only_psycopg2("psycopg has copy(), see test_psycopg")
def test_copy_expert_is_noticed(server):
    """Not under gevent, where psycopg2 refuses to copy."""
    code = """
import io

def left(*statements):
    connection.ensure_connection()
    raw = connection.connection
    for statement in statements:
        raw.cursor().copy_expert(statement, io.StringIO())
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('shop.tenant', true), '')")
        (tenant,) = cursor.fetchone()
    assert connection.connection is raw
    connection.close()
    return tenant

print(repr(left("COPY (SELECT set_config('shop.tenant', '7', false)) TO STDOUT")))
print(repr(left("SET shop.tenant = '7'; COPY (SELECT 1) TO STDOUT")))
"""
    done = run_python(DJANGO + code, PGPOOL_TEST_OPTIONS=json.dumps({"maxsize": 1}))
    assert done.ok() == "''\n''\n"


# ---- what costs nothing


def was_reset(alias):
    """Whether the last thing a session of this alias was told is to reset itself."""
    (((query),),) = alias.server.execute(
        "SELECT query FROM pg_stat_activity WHERE application_name = %s", alias.name
    )
    return "DISCARD" in query


def objects(alias):
    return Item.objects.using(alias.name)


def write(alias):
    item = objects(alias).create(name="one", details={"a": [1, "x"], "temp": None})
    objects(alias).bulk_create([Item(name=f"item {number}") for number in range(5)])
    objects(alias).bulk_create(
        [Item(name="one")], update_conflicts=True, unique_fields=["name"], update_fields=["details"]
    )
    item.details = {"b": "it's; SET x.y = 1"}
    item.save(using=alias.name)
    objects(alias).filter(name__in=["one", "two"]).update(name=models.F("name"))
    objects(alias).get_or_create(name="two")
    objects(alias).filter(details__a__0=1).delete()


def read(alias):
    list(objects(alias).filter(models.Q(name__icontains="temp") | models.Q(id__in=[1, 2])))
    list(objects(alias).values("name").annotate(n=models.Count("id")).order_by("-n")[:5])
    list(objects(alias).filter(name="x").union(objects(alias).filter(name="y")))
    list(Item.objects.db_manager(alias.name).raw("SELECT * FROM shop_item WHERE id = %s", [1]))
    objects(alias).filter(name="x").exists()
    objects(alias).filter(name="x").explain(analyze=True)


def lock(alias):
    with transaction.atomic(using=alias.name), transaction.atomic(using=alias.name):
        list(objects(alias).select_for_update(skip_locked=True))
        alias.value("SELECT pg_advisory_xact_lock(1)")


def migrate(alias):
    with isolate_apps("shop"):

        class Reading(models.Model):
            temp = models.IntegerField(db_index=True)
            before = models.ForeignKey("self", models.CASCADE, null=True)

            class Meta:
                app_label = "shop"

        again = models.ForeignKey(Reading, models.CASCADE, null=True, related_name="+")
        again.set_attributes_from_name("again")
        with alias.wrapper.schema_editor() as editor:
            editor.create_model(Reading)
        with alias.wrapper.schema_editor() as editor:
            editor.add_field(Reading, again)
        Reading.objects.using(alias.name).create(temp=20)
        list(Reading.objects.using(alias.name).filter(temp__gt=10).order_by("temp"))
        with alias.wrapper.schema_editor() as editor:
            editor.delete_model(Reading)


def check(alias):
    alias.wrapper.check_constraints()
    with alias.wrapper.cursor() as cursor:
        names = alias.wrapper.introspection.table_names(cursor)
        alias.wrapper.introspection.get_constraints(cursor, names[0])
        alias.wrapper.introspection.get_relations(cursor, names[0])


def comment(alias):
    """As sqlcommenter does it."""

    def add(execute, statement, params, many, context):
        trace = "/*db_driver='django',route='shop%%2F',traceparent='00-5bd66ef5-01'*/"
        return execute(f"{statement} {trace}", params, many, context)

    with alias.wrapper.execute_wrapper(add):
        list(objects(alias).filter(name="x"))


def set_for_the_transaction(alias):
    with transaction.atomic(using=alias.name), alias.wrapper.cursor() as cursor:
        cursor.execute("SELECT set_config('shop.tenant', %s, true)", ["7"])
        cursor.execute("SET LOCAL shop.tenant = %s", [7])
        cursor.execute("SET LOCAL search_path TO public, shop")


def insert_many(alias):
    with alias.wrapper.cursor() as cursor:
        if not IS_PSYCOPG3:
            extras.execute_values(cursor, "SELECT * FROM (VALUES %s) x", [(1, "a"), (2, "b")])
        cursor.executemany("SELECT %s", iter([[1], ["x"], [None]]))


ORDINARY = [write, read, lock, migrate, check, comment, set_for_the_transaction, insert_many]


@pytest.mark.parametrize("work", ORDINARY)
def test_ordinary_work_costs_no_reset(alias, work):
    with alias.request():
        work(alias)
    assert not was_reset(alias)


def test_a_reset_can_be_seen(alias):
    """Else the test above would show nothing."""
    with alias.request(), connections[alias.name].cursor() as cursor:
        cursor.execute("SET shop.tenant = '7'")
    assert was_reset(alias)
