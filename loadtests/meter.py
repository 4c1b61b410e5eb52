"""What a run costs: CPU time of this program, the site and a server of ours; the site's memory."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from .postgres import ThrowAwayPostgres


class Meter:
    """Counts from the moment it is made. What is dead counts as far as it was seen."""

    def __init__(
        self, site: Iterable[int], servers: Iterable[ThrowAwayPostgres], *, load: bool
    ) -> None:
        """``load``: it is this program that makes it, not the site."""
        self._load = load
        self._site = tuple(site)
        self._servers = tuple(servers)
        self._seen: dict[tuple[str, int], float] = {}
        self._memory: dict[str, int] = {}
        self.look()
        self._begin = {**self._seen, ("load", 0): _own()}

    def look(self) -> None:
        """To be called before something dies, and now and then. It reads much of /proc."""
        memory = 0
        for pid in self._site:
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                self._seen["site", pid] = _used(process)
                memory += process.memory_info().rss
        if memory:
            self._memory.setdefault("begin", memory)
            self._memory["peak"] = max(memory, self._memory.get("peak", 0))
            self._memory["end"] = memory
        for server in self._servers:
            with suppress(psutil.Error, OSError, ValueError):
                postmaster = psutil.Process(_postmaster(server))
                # Those that have ended count with their parent.
                ended = postmaster.cpu_times()
                self._seen["server", postmaster.pid] = (
                    ended.children_user
                    + ended.children_system
                    + sum(map(_used, (postmaster, *postmaster.children(recursive=True))))
                )

    def used(self) -> dict[str, float | None]:
        """Seconds of ``load``, ``site`` and ``server``; None for a server that is not ours, and for
        a load that is part of the site."""
        self.look()
        self._seen["load", 0] = _own()
        spent: dict[str, float | None] = {"load": 0.0, "site": 0.0, "server": 0.0}
        for key, seconds in self._seen.items():
            spent[key[0]] = (spent[key[0]] or 0.0) + seconds - self._begin.get(key, 0.0)
        return {
            "load": spent["load"] if self._load else None,
            "site": spent["site"],
            "server": spent["server"] if self._servers else None,
        }

    def memory(self) -> dict[str, int]:
        """Bytes of resident memory of the site: at its ``begin``, ``peak`` and ``end``, as seen."""
        return dict(self._memory)


def _own() -> float:
    return _used(psutil.Process())


def _used(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system
    return 0.0


def _postmaster(server: ThrowAwayPostgres) -> int:
    return int((Path(server.data) / "postmaster.pid").read_text().splitlines()[0])
