"""What Django pays for a connection, and for giving it back."""

from __future__ import annotations

from ...engines import ENGINES, FREE, FREE_ON_DJANGOS_WAY, OWN, PGPOOL, Engine
from .subject import Metric, Section, Subject, Target, under_django


def _pair(engine: Engine) -> Subject:
    targets = (Target(4),) if engine is PGPOOL else ()
    metric = Metric("pair", engine.name, base=f"{OWN}.pair", targets=targets)
    return under_django(engine, "django_pair", (metric,))


SECTION = Section(
    "pair",
    "Django: ensure_connection() + close(), one greenlet, PostgreSQL",
    OWN,
    tuple(_pair(engine) for engine in (*ENGINES, FREE, FREE_ON_DJANGOS_WAY)),
)
