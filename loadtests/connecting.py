"""Connections of our own to a server: the pool knows nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from .errors import LoadTestError
from .postgres import database_params

CONNECT_TIMEOUT = 5
"""Seconds."""


def connect(url: str) -> Connection:
    """A connection to the server of ``url``. Raises LoadTestError."""
    params = {"connect_timeout": CONNECT_TIMEOUT, **database_params(url)}
    with errors("connecting to"):
        connection: Connection = psycopg2.connect(**params)
    return connection


def describe(url: str) -> str:
    """The server of a DATABASE_URL in words, without the password."""
    params = database_params(url)
    host, port = params.get("host", "the local socket"), params.get("port", "5432")
    return f"database {params.get('dbname', '')!r} on {host}:{port} as {params.get('user', '')!r}"


@contextmanager
def errors(doing: str) -> Iterator[None]:
    """What goes wrong in this block is a LoadTestError that says what was being done."""
    try:
        yield
    except psycopg2.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LoadTestError(
            f"{doing} the server failed: {reason} (mend DATABASE_URL, or unset it to use an "
            "embedded server)"
        ) from error
