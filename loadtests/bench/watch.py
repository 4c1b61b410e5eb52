"""The connections of a subject as the server sees them, counted from outside of its process."""

from __future__ import annotations

from itertools import pairwise
from operator import mul
from time import monotonic, sleep
from typing import Any, Self

from ..connecting import connect
from ..errors import LoadTestError

INTERVAL = 0.01
"""Seconds between two samples."""
PATIENCE = 10.0
REST = 0.05
"""Seconds after a round: processes of the server are busy with their end for longer than they are
seen, and that belongs to this round, not to the next subject's."""
_SEEN = """
    SELECT pid, backend_start FROM pg_stat_activity
    WHERE application_name = %s AND backend_type = 'client backend'
"""
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"


class Watch:
    """Of those that call themselves ``application``, for the length of a ``with`` block: a round.

    A connection that lives for less than INTERVAL may be missed.
    """

    def __init__(self, url: str, application: str) -> None:
        self._url = url
        self._application = application

    def __enter__(self) -> Self:
        """Raises LoadTestError if the server cannot be reached."""
        self._connection = connect(self._url)
        self._connection.autocommit = True
        self._samples: list[tuple[float, int]] = []
        self._openings: set[Any] = set()
        self._end_all()  # what was left by the warm-up
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._end_all()
        finally:
            self._connection.close()
            sleep(REST)

    def sample(self) -> None:
        """Look now."""
        seen = self._ask(_SEEN)
        self._samples.append((monotonic(), len(seen)))
        self._openings.update(seen)

    def numbers(self, needed: float | None = None, left_at: float = 0.0) -> dict[str, float]:
        """Metrics: ``openings`` and ``most`` at a time. With ``needed``, connection-seconds, also
        ``held``, as a multiple of that, and ``left`` at the moment ``left_at`` of monotonic(),
        which all processes share."""
        counts = [count for _, count in self._samples]
        found: dict[str, float] = {"openings": len(self._openings), "most": max(counts)}
        if needed is not None:
            moments = [at for at, _ in self._samples]
            lengths = [later - at for at, later in pairwise(moments)]
            found["held"] = sum(map(mul, counts, lengths)) / needed
            found["left"] = next(count for at, count in self._samples if at >= left_at)
        return found

    def _end_all(self) -> None:
        """Not every engine can close its pool. Raises LoadTestError if the server does not end
        them."""
        deadline = monotonic() + PATIENCE
        while self._ask(_SEEN):
            if monotonic() > deadline:
                raise LoadTestError(f"the server did not end connections in {PATIENCE:g} s")
            self._ask(_END)
            sleep(INTERVAL)

    def _ask(self, query: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, [self._application])
            return cursor.fetchall()
