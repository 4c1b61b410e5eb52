"""A site in this process, for views of docs/recipes.md."""

from __future__ import annotations

from contextlib import contextmanager
from types import ModuleType

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.test import RequestFactory, override_settings
from django.urls import path

from .aliases import Alias


@pytest.fixture
def default(server, monkeypatch):
    """``default(maxsize=1)`` is the alias that the recipes use, with these OPTIONS."""
    alias = Alias(server, "default")

    def make(**options):
        name = f"recipe_{id(options)}"
        given = {**alias.settings["OPTIONS"], "application_name": name, **options}
        monkeypatch.setitem(alias.settings, "OPTIONS", given)
        alias.application = name
        return alias

    yield make
    connection.close()
    connections["default"].close_pool()
    server.execute("TRUNCATE shop_item")


@contextmanager
def serving(*middleware, **views):
    """A function that asks the site for ``views`` by their names, and gives the response as it is
    before anything of it was read."""
    urls = ModuleType("recipe_urls")
    urls.urlpatterns = [path(name, view) for name, view in views.items()]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware, ALLOWED_HOSTS=["*"]):
        handler = WSGIHandler()

        def ask(name, **headers):
            environ = RequestFactory(headers=headers).get(f"/{name}").environ
            return handler(environ, lambda status, headers: None)

        yield ask


def body(response):
    try:
        return response.status_code, b"".join(response).decode()
    finally:
        response.close()
