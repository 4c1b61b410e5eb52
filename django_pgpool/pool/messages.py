"""The words of PoolExhausted: what happened, the numbers, what to change."""

from __future__ import annotations

from .errors import one_line
from .stats import Snapshot


def timed_out(numbers: Snapshot, maxwait: float, waited: float, error: BaseException | None) -> str:
    """For a caller whose ``maxwait`` ran out."""
    return (
        f"Pool {numbers.pool!r}: no connection within maxwait={maxwait:g} s "
        f"(waited {waited:.2f} s). "
        f"{_numbers(numbers)} " + _advice(numbers, error)
    )


def _advice(numbers: Snapshot, error: BaseException | None) -> str:
    if error is not None:
        return f"The last attempt to open a connection failed: {one_line(error)}"
    if numbers.opening and not numbers.in_use:
        return (
            "Opening a connection takes too long: look at the server and the network, or raise "
            "OPTIONS['maxwait'] above OPTIONS['connect_timeout']."
        )
    return (
        "All connections are busy: hold them for less time, or raise OPTIONS['maxsize'] (within "
        "the server's max_connections) or OPTIONS['maxwait']."
    )


def queue_full(numbers: Snapshot, maxwaiting: int) -> str:
    """For a caller who was not allowed to queue."""
    return (
        f"Pool {numbers.pool!r}: {numbers.waiting} callers are waiting already "
        f"(maxwaiting={maxwaiting}). {_numbers(numbers)} Hold connections for less time, or raise "
        "OPTIONS['maxsize'] (within the server's max_connections) or OPTIONS['maxwaiting']."
    )


def _numbers(numbers: Snapshot) -> str:
    closing = f", closing {numbers.closing}" if numbers.closing else ""
    return (
        f"maxsize={numbers.maxsize}: in use {numbers.in_use}, opening {numbers.opening}, "
        f"idle {numbers.idle}{closing}; waiting {numbers.waiting}."
    )
