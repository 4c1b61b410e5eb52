"""The load test's site under gunicorn, on the database of the tests."""

from __future__ import annotations

from typing import Any

from loadtests.postgres import django_database

from .server import Server


def site_database(server: Server, **options: Any) -> dict[str, Any]:
    """The DATABASES entry of a site there."""
    params = server.params
    url = f"postgresql://{params.get('user', '')}@/{params['dbname']}"
    keys = {"HOST": "host", "PORT": "port", "PASSWORD": "password"}
    given = {key: str(params.get(param, "")) for key, param in keys.items()}
    return {**django_database(url, **options), **given}
