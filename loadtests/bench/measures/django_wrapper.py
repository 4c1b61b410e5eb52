"""Django in a worker process, with one database."""

from __future__ import annotations

from typing import Any


def wrapper(database: dict[str, Any], green: bool) -> Any:
    """Django's connection to ``database``, a DATABASES entry. ``green``: psycopg2 has to be made
    so."""
    import django
    from django.conf import settings

    if green:
        from psycogreen.gevent import patch_psycopg

        patch_psycopg()
    settings.configure(DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    from django.db import connections

    return connections["default"]
