"""Whether what the pools of the site may need fits into what the server has room for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connections

from ..drivers.chosen import is_libpq_parameter
from ..options import PoolOptions, Problem, examine
from . import deployment
from .deployment import Known
from .facts import Server, Sessions
from .settings import idle_limit, pooled_aliases


@dataclass(frozen=True, slots=True)
class Demand:
    """What the processes of the site may hold at once through one alias."""

    alias: str
    role: str
    database: str
    maxsize: int
    workers: Known

    @property
    def connections(self) -> int:
        return self.maxsize * int(self.workers.value)


def demands(alias: str, server: Server) -> list[Demand]:
    """Of all aliases that lead to the same server as this one, which is the first."""
    place = _place(connections.databases[alias])
    others = [other for other in pooled_aliases() if other != alias]
    return [
        _demand(name, alias, server)
        for name in (alias, *others)
        if _place(connections.databases[name]) == place
    ]


def problems(alias: str, options: PoolOptions, server: Server) -> Iterator[Problem]:
    """What does not fit together, of an alias and its server."""
    if server.pooler:
        yield _between(alias)
        return
    demand = demands(alias, server)
    yield from _full(alias, demand, server)
    idle, limit = idle_limit(options), server.idle_session_timeout
    if limit is not None and limit <= idle:
        yield Problem(
            "W104",
            f"DATABASES[{alias!r}]: the server ends a session that was idle for "
            f"idle_session_timeout={limit:g} s, before this pool closes it (cleanup="
            f"{_option(options.cleanup)}, expires={_option(options.expires)}, "
            f"minsize={options.minsize}).",
            f"Set OPTIONS 'cleanup' below {limit:g}, or with 'minsize' also 'expires'; or switch "
            "it off for this role: ALTER ROLE ... SET idle_session_timeout = 0.",
        )


def others(demand: Iterable[Demand], server: Server) -> list[Sessions]:
    """Sessions that are not of the site: of another role, or in another database."""
    ours = {(one.role, one.database) for one in demand}
    return [found for found in server.sessions if (found.role, found.database) not in ours]


def _full(alias: str, demand: list[Demand], server: Server) -> Iterator[Problem]:
    where = f"DATABASES[{alias!r}]"
    need = sum(one.connections for one in demand)
    strangers = others(demand, server)
    beside = sum(found.count for found in strangers)
    if need + beside > server.available:
        yield Problem(
            "W101",
            f"{where}: the server has room for {server.available} connections "
            f"(max_connections={server.max_connections}, of which "
            f"{server.superuser_reserved + server.reserved} are reserved), but the pools may hold "
            f"{_sum(demand)}, beside {beside} of other clients now.",
            _smaller(demand, server.available - beside, "raise max_connections"),
        )
    if server.superuser:
        return  # whom limits of roles and databases do not bind
    of_role = [one for one in demand if one.role == server.role]
    if server.role_limit is not None:
        need = sum(one.connections for one in of_role)
        beside = sum(found.count for found in strangers if found.role == server.role)
        if need + beside > server.role_limit:
            yield Problem(
                "W102",
                f"{where}: the role {server.role!r} may have {server.role_limit} connections, but "
                f"the pools may hold {_sum(of_role)}, beside {beside} of other clients now.",
                _smaller(of_role, server.role_limit - beside, "ALTER ROLE ... CONNECTION LIMIT"),
            )
    of_database = [one for one in demand if one.database == server.database]
    if server.database_limit is not None:
        need = sum(one.connections for one in of_database)
        beside = sum(found.count for found in strangers if found.database == server.database)
        if need + beside > server.database_limit:
            yield Problem(
                "W103",
                f"{where}: the database {server.database!r} takes {server.database_limit} "
                f"connections, but the pools may hold {_sum(of_database)}, beside {beside} of "
                "other clients now.",
                _smaller(
                    of_database,
                    server.database_limit - beside,
                    "ALTER DATABASE ... CONNECTION LIMIT",
                ),
            )


def fitting(demand: list[Demand], room: int) -> int:
    """The largest maxsize for each of these pools with which all fit; 0 where none does."""
    return max(room // sum(int(one.workers.value) for one in demand), 0)


def _smaller(demand: list[Demand], room: int, raise_it: str) -> str:
    size = fitting(demand, room)
    smaller = f"set maxsize to {size} at most" if size else "have fewer processes"
    each = " for each alias" if size and len(demand) > 1 else ""
    return f"Either {smaller}{each}, or put PgBouncer in between, or {raise_it}."


def _sum(demand: list[Demand]) -> str:
    """In words: 120 (maxsize=20 x 6 processes, as WEB_CONCURRENCY says)."""
    total = sum(one.connections for one in demand)
    several = len(demand) > 1
    parts = [
        f"{one.alias + ': ' if several else ''}maxsize={one.maxsize} x {_processes(one.workers)}"
        for one in demand
    ]
    return f"{total} ({'; '.join(parts)})"


def _processes(workers: Known) -> str:
    plural = "process" if workers.value == 1 else "processes"
    source = f"as {workers.source} says" if workers.source else "nothing tells of more"
    return f"{workers.value} {plural}, {source}"


def _between(alias: str) -> Problem:
    return Problem(
        "I101",
        f"DATABASES[{alias!r}]: a pooler sits between this site and the server, so the server's "
        "limits were not compared with maxsize.",
        "All processes together must fit into the pooler's own limit (PgBouncer: "
        "max_client_conn, max_db_client_connections, max_user_client_connections); 'cleanup' and "
        "'expires' below its client_idle_timeout.",
    )


def _demand(name: str, asked: str, server: Server) -> Demand:
    settings, first = connections.databases[name], connections.databases[asked]
    options, _ = examine(name, settings, is_libpq_parameter)
    return Demand(
        alias=name,
        role=server.role if settings["USER"] == first["USER"] else settings["USER"],
        database=server.database if settings["NAME"] == first["NAME"] else settings["NAME"],
        maxsize=options.maxsize,
        workers=deployment.workers(options.workers),
    )


def _place(settings: Mapping[str, Any]) -> tuple[str, str, str]:
    service = str(settings["OPTIONS"].get("service") or "")
    return (str(settings["HOST"]), str(settings["PORT"]) or "5432", service)


def _option(seconds: float | None) -> str:
    return "None" if seconds is None else f"{seconds:g}"
