"""What undoing what a holder has left in the session adds to a statement."""

from __future__ import annotations

from dataclasses import replace

from ...engines import OWN, PERSISTENT, PGPOOL, Engine
from ..measures.django_statement import STATEMENTS
from .subject import Metric, Section, Subject, under_django

UNRESET = "reset=never"


def _statement(engine: Engine) -> Subject:
    return under_django(
        engine,
        "django_statement",
        tuple(
            Metric(key, f"{engine.name}: {statement}", base=f"{UNRESET}.{key}")
            for key, statement in STATEMENTS.items()
        ),
    )


def _reset(mode: str, about: str) -> Subject:
    options = {**PGPOOL.options, "reset": mode}
    about = f"as {OWN}; {about}"
    return _statement(replace(PGPOOL, name=f"reset={mode}", about=about, options=options))


SECTION = Section(
    "reset",
    "Django: ensure_connection() + one statement + close(), one greenlet, PostgreSQL",
    UNRESET,
    (
        _reset("never", "the session stays as it is"),
        _reset("auto", "the default: reset after the SET, not after the SELECT"),
        _reset("always", "reset after both"),
        _statement(
            replace(
                PERSISTENT,
                name="Django, persistent",
                about=f"as {PERSISTENT.name}; no reset",
            )
        ),
    ),
)
