"""Whether psycopg2 makes SQL of a statement's parameters. psycopg makes literals of them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg2.extensions import AsIs

_PLAIN = frozenset((bool, bytes, date, datetime, Decimal, float, int, str, type(None), UUID))
"""Types of nearly all parameters: they become literals."""


def inlines_sql(parameters: Any) -> bool:
    """Whether one of them may become a part of the statement as it is: AsIs, also inside a list."""
    if not isinstance(parameters, (list, tuple)):
        if not isinstance(parameters, dict):
            return True
        parameters = parameters.values()
    return not _PLAIN.issuperset(map(type, parameters)) and any(
        inlines_sql(parameter)
        if isinstance(parameter, (list, tuple))
        else isinstance(parameter, AsIs)
        for parameter in parameters
    )
