"""What a request pays: Django's ensure_connection(), and giving the connection back."""

from __future__ import annotations

from typing import Any

from . import Round
from .loops import Loop


def prepare(database: dict[str, Any], end: str, green: bool) -> Round:
    """Metric ``pair``, microseconds. ``database`` is a DATABASES entry, ``end`` the method that
    gives the connection back; ``green``: psycopg2 has to be made so."""
    import django
    from django.conf import settings

    if green:
        from psycogreen.gevent import patch_psycopg

        patch_psycopg()
    settings.configure(DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    from django.db import connections

    wrapper = connections["default"]
    pair = Loop(
        "begin(); end()", {"begin": wrapper.ensure_connection, "end": getattr(wrapper, end)}
    )
    pair.warm_up()

    def measure(seconds: float) -> dict[str, float]:
        return {"pair": pair.microseconds(seconds)}

    return measure
