"""One visitor's work with the database: how long it waits for a connection, how long it uses it.

Both fronts run it. It needs Django and gevent only, and it measures every engine alike, from
outside.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import gevent
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Sum

from .models import Article
from .needs import needs

logger = logging.getLogger(__name__)


def read(number: str) -> None:
    """One short query."""
    Article.objects.get(pk=number)


@transaction.atomic
def write(number: str) -> None:
    """One short transaction."""
    Article.objects.select_for_update().get(pk=number)
    Article.objects.filter(pk=number).update(sold=F("sold") + 1)


def report(milliseconds: str) -> None:
    """A query that keeps its connection busy for some milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [float(milliseconds) / 1000])
    Article.objects.aggregate(sold=Sum("sold"))


WORK = {"read": read, "write": write, "report": report}
End = Callable[[], None]


@dataclass(slots=True)
class Visit:
    """What a visit came to. Durations are seconds, None where it did not come so far."""

    error: str | None = None
    """Name of the exception."""
    database: bool = False
    """It is an error of the database."""
    wait: float | None = None
    """Until it had a connection, or an error instead."""
    use: float | None = None
    """From then until its work was done and, where it has an ``end``, that too."""

    def make(self, kind: str, *arguments: str, end: End | None = None) -> None:
        """Do what ``kind`` says. ``end`` gives the connection back, in every good order; who is
        killed or leaks does not come to it. Raises GreenletExit where it is killed."""
        if kind == "leak":
            gevent.spawn(self._run, read, *arguments).join()
        elif kind == "timeout":
            moment, milliseconds = arguments
            self._run(report, milliseconds, limit=float(moment) / 1000, end=end)
        elif kind == "kill":
            moment, milliseconds = arguments
            me = cast("gevent.Greenlet[..., Any]", gevent.getcurrent())
            killer = gevent.spawn_later(float(moment) / 1000, lambda: me.kill(block=False))
            try:
                self._run(report, milliseconds, end=end)
            finally:
                killer.kill(block=False)
        else:
            self._run(WORK[kind], *arguments, end=end)

    def _run(
        self,
        work: Callable[..., None],
        *arguments: str,
        limit: float | None = None,
        end: End | None = None,
    ) -> None:
        got: float | None = None

        def with_connection() -> None:
            nonlocal got
            with gevent.Timeout(limit):
                connection.ensure_connection()
                got = time.monotonic()
                work(*arguments)

        begin = time.monotonic()
        needs.change(1)
        try:
            self._attempt(with_connection)
            if end:
                self._attempt(end)
        finally:
            now = time.monotonic()
            needs.change(-1)
            self.wait = (got or now) - begin
            self.use = now - got if got else None

    def _attempt(self, act: End) -> None:
        """Calls it; what it raises is noted, but for death."""
        try:
            act()
        except (Exception, gevent.Timeout) as error:  # noqa: BLE001  every kind is counted
            logger.error("%s: %s", type(error).__name__, error)
            self.error, self.database = type(error).__name__, isinstance(error, DatabaseError)
