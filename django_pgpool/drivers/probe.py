"""One connection, opened step by step, so that each can be timed: as far as libpq tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

from ..redaction import redacted
from .resolving import SAYS_ALL, resolved, where_to
from .sockets import READ, WRITE, wait_for

RESOLVING, CONNECTING, ENCRYPTING = "dns", "tcp", "tls"
AUTHENTICATING, CHOOSING, QUERYING = "authentication", "choice", "first_query"
CLOSING = "close"
_STEPS = {
    # PQstatus(): https://www.postgresql.org/docs/current/libpq-status.html#LIBPQ-PQSTATUS
    2: CONNECTING,  # CONNECTION_STARTED
    3: CONNECTING,  # CONNECTION_MADE
    4: AUTHENTICATING,  # CONNECTION_AWAITING_RESPONSE
    5: AUTHENTICATING,  # CONNECTION_AUTH_OK
    6: AUTHENTICATING,  # CONNECTION_SETENV
    7: ENCRYPTING,  # CONNECTION_SSL_STARTUP
    11: ENCRYPTING,  # CONNECTION_GSS_STARTUP
    0: AUTHENTICATING,  # CONNECTION_OK: psycopg2's own settings
}
"""Everything else is about target_session_attrs and the next of several hosts."""
_EVENTS = {POLL_READ: READ}


@dataclass(slots=True)
class Probe:
    """What came of it; ``error`` is None where all went well."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Of each step, in their order. Those that there were not are missing."""
    encryption: str | None = None
    """TLSv1.3 or the like."""
    error: str | None = None
    """Without secrets."""
    failed_at: str | None = None
    """The step that the error belongs to."""


def probe(params: Mapping[str, Any], seconds: float) -> Probe:
    """Open a connection with psycopg2's parameters, send ``SELECT 1``, close it. Each step may take
    so many seconds. Never raises an error of the driver or the network."""
    found = Probe()
    given = {name: value for name, value in params.items() if not name.endswith("_factory")}
    clock = _Clock(found)
    addressed = given
    try:
        clock.begin(RESOLVING)
        addressed = resolved(given)
        if addressed is given:
            clock.forget()  # there was nothing to resolve
        clock.begin(CONNECTING)
        connection = psycopg2.connect(**addressed, async_=1)
        try:
            _wait(connection, clock, seconds)
            if connection.info.ssl_in_use:
                found.encryption = connection.info.ssl_attribute("protocol")
            clock.begin(QUERYING)
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            _wait(connection, clock, seconds)
        finally:
            clock.begin(CLOSING)
            connection.close()
            clock.end()
    except (psycopg2.Error, OSError, SystemError) as error:
        # psycopg2 2.9 leaves some errors of its own pending: a SystemError, caused by them.
        said = " ".join(str(error.__cause__ or error).split())
        where = "" if said.startswith(SAYS_ALL) else where_to(addressed)
        found.error = redacted(f"{where}{said}", given)
        found.failed_at = clock.failed_at
    return found


class _Clock:
    def __init__(self, found: Probe) -> None:
        self._found = found
        self._step: str | None = None
        self._began = 0.0
        self.failed_at: str | None = None

    def begin(self, step: str) -> None:
        self.end()
        self._step = step
        self._began = monotonic()
        if step != CLOSING:
            self.failed_at = step

    def end(self) -> None:
        if self._step is not None:
            known = self._found.seconds
            known[self._step] = known.get(self._step, 0.0) + monotonic() - self._began
        self._step = None

    def forget(self) -> None:
        self._step = None


def _wait(connection: Any, clock: _Clock, seconds: float) -> None:
    """Until psycopg2 has what it waits for."""
    while (event := connection.poll()) != POLL_OK:
        step = _STEPS.get(connection.info.status, CHOOSING)
        if clock.failed_at not in (step, QUERYING):
            clock.begin(step)
        try:
            wait_for(connection.fileno(), _EVENTS.get(event, WRITE), seconds)
        except TimeoutError:
            raise TimeoutError(f"no answer within connect_timeout={seconds:g} s") from None
