"""Events of the pool as structured log lines.

Where the site has configured structlog, they go through its processors. Else they go to the
standard library's logger ``django_pgpool`` as key=value pairs: what is shown is up to LOGGING, and
nothing is printed to anybody's stdout.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog

from ..pool.events import Event, Level

LOGGER = "django_pgpool"

_standard = logging.getLogger(LOGGER)
_plain = structlog.wrap_logger(
    _standard,
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.KeyValueRenderer(key_order=["event", "alias"]),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    context_class=dict,
    cache_logger_on_first_use=True,
)


_NUMBERS = {level: logging.getLevelNamesMapping()[level.upper()] for level in Level}


class _Log:
    def listens(self, level: Level) -> bool:
        """Where the site has configured structlog, its processors decide."""
        return structlog.is_configured() or _standard.isEnabledFor(_NUMBERS[level])

    def __call__(self, event: Event) -> None:
        if not self.listens(event.level):
            return
        configured = structlog.is_configured()
        logger: Any = structlog.get_logger(LOGGER) if configured else _plain
        keys: dict[str, Any] = {
            "alias": event.pool,
            "size": event.size,
            "in_use": event.in_use,
            "idle": event.idle,
            "waiting": event.waiting,
        }
        if event.seconds is not None:
            keys["seconds"] = round(event.seconds, 6)
        getattr(logger, event.level)(event.event, **keys, **event.details)


log_event = _Log()
"""The observer that logs the events of a pool."""
