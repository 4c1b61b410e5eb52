"""docs/recipes.md: tenants, by schema and by row."""

import sys
from contextvars import copy_context

import gevent
import pytest
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from support import recipes
from support.recipes_site import body, default, serving
from support.waiting import join

__all__ = ["default"]  # a fixture


@pytest.fixture
def receiving():
    """``receiving(receiver)`` is told of connections to the end of the test, no longer."""
    receivers = []
    yield receivers.append
    for receiver in receivers:
        assert connection_created.disconnect(receiver)


def test_tenants_by_schema(default, server, receiving, monkeypatch):
    tenants = recipes.load("Tenants: search_path", "tenants.py")
    receiving(tenants.use_schema)
    monkeypatch.setitem(sys.modules, "recipe_tenants", tenants)
    schemas = ("public", "one", "two")
    for schema in schemas[1:]:
        server.execute(f"CREATE SCHEMA {schema}")
    for schema in schemas:
        server.execute(f"CREATE TABLE {schema}.whose AS SELECT '{schema}' AS tenant")

    def whose(request):
        first = alias.value("SELECT tenant FROM whose")
        connection.close()  # lost, or given back early
        alias.value("SELECT pg_sleep(0.001)")
        return HttpResponse(f"{first} {alias.value('SELECT tenant FROM whose')}")

    alias = default(maxsize=2)
    try:
        with serving("recipe_tenants.middleware", whose=whose) as ask:
            wanted = [{}, *({"X-Tenant": schema} for schema in schemas[1:])] * 10
            said = join(
                [gevent.spawn(lambda h=headers: body(ask("whose", **h))) for headers in wanted]
            )
        assert said == [(200, f"{schema} {schema}") for schema in schemas] * 10
        token = tenants.tenant.set("one")
        with_context = gevent.spawn(copy_context().run, tenants.tenant.get)
        assert (gevent.spawn(tenants.tenant.get).get(), with_context.get()) == ("public", "one")
        tenants.tenant.reset(token)
    finally:
        connection.close()
        server.execute("DROP TABLE IF EXISTS public.whose")
        for schema in schemas[1:]:
            server.execute(f"DROP SCHEMA {schema} CASCADE")


def test_tenants_by_row(default, server, receiving):
    security = recipes.load("Tenants: row-level security", "security.py")
    receiving(security.be_tenant)
    role = server.make_role()
    server.execute("CREATE TABLE orders AS SELECT unnest(ARRAY['one', 'two', 'two']) AS tenant")
    try:
        server.execute(f"GRANT SELECT ON orders TO {role}")
        server.execute(recipes.block("Tenants: row-level security", "policy.sql"))
        alias = default(maxsize=1, reset="always", assume_role=role)

        def count(tenant):
            security.tenant.set(tenant)
            return alias.ask("SELECT count(*) FROM orders")

        wanted = ["one", "two", "", "none"]
        assert [gevent.spawn(count, tenant).get() for tenant in wanted] == [1, 2, 0, 0]
        assert alias.ask("SELECT count(*) FROM orders") == 0
    finally:
        connection.close()
        connections["default"].close_pool()
        server.execute("DROP TABLE orders")
