"""One connection, opened step by step, so that each can be timed: as far as libpq tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from ..redaction import redacted
from .chosen import Attempt, Error
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
    0: AUTHENTICATING,  # CONNECTION_OK: the driver's own settings
}
"""Everything else is about target_session_attrs and the next of several hosts."""
_DONE, _EVENTS = 0, {1: READ, 2: WRITE}
"""As Attempt says it."""


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
    """Open a connection with the driver's parameters, send ``SELECT 1``, close it. Each step may
    take so many seconds. Never raises an error of the driver or the network."""
    found = Probe()
    given = dict(params)
    clock = _Clock(found)
    addressed = given
    try:
        clock.begin(RESOLVING)
        addressed = resolved(given)
        if addressed is given:
            clock.forget()  # there was nothing to resolve
        clock.begin(CONNECTING)
        attempt = Attempt(addressed)
        try:
            _wait(attempt, clock, seconds)
            found.encryption = attempt.encryption
            clock.begin(QUERYING)
            attempt.send("SELECT 1")
            _wait(attempt, clock, seconds)
        finally:
            clock.begin(CLOSING)
            attempt.close()
            clock.end()
    except (Error, OSError, SystemError) as error:
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


def _wait(attempt: Attempt, clock: _Clock, seconds: float) -> None:
    """Until the driver has what it waits for."""
    while (event := attempt.poll()) != _DONE:
        step = _STEPS.get(attempt.status, CHOOSING)
        if clock.failed_at not in (step, QUERYING):
            clock.begin(step)
        try:
            wait_for(attempt.fileno(), _EVENTS[event], seconds)
        except TimeoutError:
            raise TimeoutError(f"no answer within connect_timeout={seconds:g} s") from None
