"""What Django pays for a connection, and for giving it back."""

from __future__ import annotations

from ...engines import ENGINES, OWN, Engine
from .subject import Metric, Section, Subject, under_django


def _pair(engine: Engine) -> Subject:
    return under_django(engine, "django_pair", (Metric("pair", engine.name, base=f"{OWN}.pair"),))


SECTION = Section(
    "pair",
    "Django: ensure_connection() + close(), one greenlet, PostgreSQL",
    OWN,
    tuple(_pair(engine) for engine in ENGINES),
)
