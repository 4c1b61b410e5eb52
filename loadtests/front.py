"""What a front is: the site under load, the load, and what can be asked of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self

NOT_COUNTED = frozenset({"pool", "closed", "last_error"})
"""Of a snapshot."""


@dataclass(frozen=True, slots=True)
class Look:
    """The site at one moment."""

    at: float
    """Seconds since the start of the run."""
    pool: dict[str, Any]
    """Snapshots of all workers, added up; empty where there is no pool yet."""
    needed: int
    """Connections that the requests of this moment need: those that want or use one, at most
    maxsize per worker."""
    ideal: float
    """The integral of ``needed`` so far: connection-seconds."""
    most_in_use: int = 0
    """By one worker: requests are not spread evenly over them."""
    most_wanted: int = 0
    """... in use or waited for."""

    @classmethod
    def of(cls, at: float, answers: Iterable[Mapping[str, Any]]) -> Look:
        """From what each worker said, see ``site.look``."""
        answers = list(answers)
        workers = [summed(answer["pools"]) for answer in answers]
        in_use = [worker.get("in_use", 0) for worker in workers]
        wanted = [worker.get("in_use", 0) + worker.get("waiting", 0) for worker in workers]
        return cls(
            at,
            summed(workers),
            sum(answer["needed"] for answer in answers),
            sum(answer["ideal"] for answer in answers),
            max(in_use, default=0),
            max(wanted, default=0),
        )


def summed(snapshots: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Snapshots of several pools as if they were one."""
    total: dict[str, Any] = {}
    for snapshot in snapshots:
        for name, value in snapshot.items():
            if name in NOT_COUNTED:
                continue
            if isinstance(value, Mapping):
                total[name] = dict(Counter(total.get(name, {})) + Counter(value))
            elif name.endswith("_max"):
                total[name] = max(total.get(name, 0.0), value)
            else:
                total[name] = total.get(name, 0) + value
    return total


class RunningLoad(Protocol):
    """A run of a scenario, begun when it is made."""

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""

    async def run(self) -> None:
        """Until the last phase has ended and the last request is answered. Raises SiteFailed."""

    async def look(self) -> Look:
        """The site now. Raises SiteFailed where it, or one of its workers, has died."""

    def recent(self) -> dict[str, Any]:
        """See ``Recorder.recent``."""

    async def finish(self) -> dict[str, Any]:
        """End what still runs. What was recorded, see ``Recorder.as_dict``."""


class Front(Protocol):
    """The site under load, for the length of a ``with`` block, in which one load can be begun.

    Entering raises LoadTestError, or SiteFailed where the site does not come up.
    """

    pids: tuple[int, ...]
    """Its processes."""
    versions: Mapping[str, str]
    """Of what the site is made of."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def load(self) -> AbstractAsyncContextManager[RunningLoad]:
        """Begin the load. It is cut off at the end of the block."""
