"""Visitors who come again and again while a fault goes on, and what each of them has met."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Self

import gevent
from support.aliases import Alias

from .outcome import Outcome

_PATIENCE = 60
_QUERY = "SELECT %s || left(pg_sleep(%s)::text, 0)"


@dataclass(slots=True)
class Visit:
    """One request: readings of the monotonic clock, and the error."""

    began: float
    sent: float | None = None
    """When it had a connection and sent its statement."""
    ended: float = 0.0
    error: Exception | None = None

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Traffic:
    """``with Traffic(...) as traffic:`` so many visitors make requests until the end of the block.

    ``query`` is how long the statement takes, ``hold`` how long the connection is kept after it,
    ``pause`` what lies between two requests of one visitor.
    """

    def __init__(
        self,
        alias: Alias,
        outcome: Outcome,
        visitors: int,
        *,
        query: float = 0.005,
        hold: float = 0.0,
        pause: float = 0.005,
    ) -> None:
        self.visits: list[Visit] = []
        self._alias, self._outcome = alias, outcome
        self._query, self._hold, self._pause = query, hold, pause
        self._visitors = visitors
        self._numbers = itertools.count()
        self._done = False

    def __enter__(self) -> Self:
        self._greenlets = [gevent.spawn(self._come) for _ in range(self._visitors)]
        return self

    def __exit__(self, *exception: object) -> None:
        self._done = True
        gevent.joinall(self._greenlets, timeout=_PATIENCE)
        self._outcome.hung += sum(not greenlet.dead for greenlet in self._greenlets)
        gevent.killall(self._greenlets)
        self._outcome.tried += len(self.visits)

    def _come(self) -> None:
        while not self._done:
            self.visit()
            gevent.sleep(self._pause)

    def visit(self) -> Visit:
        """One request."""
        visit = Visit(time.monotonic())
        token = f"token {next(self._numbers)}"
        try:
            with self._alias.request() as wrapper:
                wrapper.ensure_connection()
                visit.sent = time.monotonic()
                answer = self._alias.value(_QUERY, token, self._query)
                self._outcome.foreign += answer != token
                if self._hold:
                    gevent.sleep(self._hold)
        except Exception as error:
            visit.error = error
        visit.ended = time.monotonic()
        self.visits.append(visit)
        return visit

    @property
    def failed(self) -> list[Visit]:
        return [visit for visit in self.visits if visit.error is not None]

    def wait_for(self, visits: int) -> None:
        """Until so many more have ended well."""
        goal = self._well() + visits
        deadline = time.monotonic() + _PATIENCE
        while self._well() < goal:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{visits} requests have not ended well within {_PATIENCE} s")
            gevent.sleep(0.01)

    def _well(self) -> int:
        return len(self.visits) - len(self.failed)
