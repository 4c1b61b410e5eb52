"""The words of PoolExhausted: what happened, the numbers, what to change."""

from __future__ import annotations

from .errors import one_line
from .stats import Snapshot


def timed_out(
    numbers: Snapshot,
    maxwait: float,
    waited: float,
    error: BaseException | None,
    *,
    full: bool = False,
) -> str:
    """For a caller whose ``maxwait`` ran out. ``error``: of the last opening, where that failed;
    ``full``: because the server takes no more connections."""
    return (
        f"Pool {numbers.pool!r}: no connection within maxwait={maxwait:g} s "
        f"(waited {waited:.2f} s). "
        f"{_numbers(numbers)} " + _advice(numbers, error, full)
    )


def _advice(numbers: Snapshot, error: BaseException | None, full: bool) -> str:
    if error is not None:
        failed = f"The last attempt to open a connection failed: {one_line(error).rstrip('.')}."
        if full:
            return (
                f"{failed} The server has no room for this pool's maxsize beside its other "
                f"clients: `manage.py check --database {numbers.pool}` compares them."
            )
        return (
            f"{failed} See to the server, the network and the connection's settings: "
            f"`manage.py pgpool {numbers.pool} --probe` names the step that fails."
        )
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
        f"Pool {numbers.pool!r}: {numbers.waiting} "
        f"{'caller is' if numbers.waiting == 1 else 'callers are'} waiting already "
        f"(maxwaiting={maxwaiting}). {_numbers(numbers)} Hold connections for less time, or raise "
        "OPTIONS['maxsize'] (within the server's max_connections) or OPTIONS['maxwaiting']."
    )


def closed(name: str) -> str:
    """For a caller who comes too late, or waits as the pool is closed."""
    return (
        f"Pool {name!r} is closed: it hands out nothing any more. Somebody has called its close(), "
        f"or this process is ending. After connections[{name!r}].close_pool() the next query "
        "begins a new pool."
    )


def _numbers(numbers: Snapshot) -> str:
    closing = f", closing {numbers.closing}" if numbers.closing else ""
    return (
        f"maxsize={numbers.maxsize}: in use {numbers.in_use}, opening {numbers.opening}, "
        f"idle {numbers.idle}{closing}; waiting {numbers.waiting}."
    )
