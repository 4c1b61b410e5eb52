"""The smallest Django site: a view that reads one row. For gunicorn, ``loadtests.bench.site``.

The environment variable PGPOOL_BENCH_SITE holds JSON: ``database``, a DATABASES entry, and
``green``, whether psycopg2 has to be made so.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path

_COUNT = """
    SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity
    WHERE application_name = current_setting('application_name')
"""


def _configure(database: dict[str, Any], green: bool) -> None:
    if green:
        from psycogreen.gevent import patch_psycopg

        patch_psycopg()
    database["OPTIONS"]["application_name"] = f"pgpool_bench_{secrets.token_hex(4)}"
    settings.configure(
        DATABASES={"default": database},
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
    )


_configure(**json.loads(os.environ["PGPOOL_BENCH_SITE"]))

from django.core.wsgi import get_wsgi_application  # noqa: E402  it needs the settings

application = get_wsgi_application()

from django.db import connection  # noqa: E402  so do these

from .measures.access_method import BTREE, AccessMethod  # noqa: E402


def read(request: HttpRequest) -> JsonResponse:
    """One short query."""
    return JsonResponse({"name": AccessMethod.objects.get(pk=BTREE).amname})


def count(request: HttpRequest) -> JsonResponse:
    """How many connections the server has, of this site, and at most."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT)
        connections, room = cursor.fetchone()
    return JsonResponse({"connections": connections, "room": room})


urlpatterns = [path("read", read), path("count", count)]
