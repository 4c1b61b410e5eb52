"""From a problem to what Django's check framework prints."""

from __future__ import annotations

from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004  Django's name

from ..options import Problem

DOCS = "docs/checks.md"
_KINDS: dict[str, type[Error | Info | Warning]] = {"E": Error, "W": Warning, "I": Info}


def message(problem: Problem) -> CheckMessage:
    """With a stable id, and a hint that says what to do and where it is explained."""
    link = f"See {DOCS}#{problem.id.lower()}"
    kind = _KINDS[problem.id[0]]
    hint = f"{problem.fix} {link}".lstrip()
    return kind(problem.what, hint=hint, id=f"django_pgpool.{problem.id}")
