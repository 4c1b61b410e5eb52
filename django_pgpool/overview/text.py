"""The same for people, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from .collect import Data

_STEPS = {
    "dns": "DNS",
    "tcp": "TCP",
    "tls": "TLS",
    "authentication": "authentication",
    "choice": "choice of server",
    "first_query": "first query",
    "close": "close",
}


def lines(data: Data) -> Iterator[str]:
    """Of one alias."""
    place = data["place"]
    port = f":{place['port']}" if place["port"] else ""
    where = f"{place['host'] or 'the local socket'}{port}"
    yield f"{data['alias']}: database {place['name']!r} at {where} as {place['user']!r}"
    yield ""
    yield "  Settings"
    for name, setting in data["settings"].items():
        yield f"    {name:<16} {_value(setting['value']):<8} {setting['source']}"
    if data["server"] is not None:
        yield ""
        yield from _server(data["server"])
    if data["capacity"] is not None:
        yield ""
        yield from _sizing(data)
    if data.get("probe") is not None:
        yield ""
        yield from _probe(data["probe"], socket=place["host"].startswith("/") or not place["host"])


def problem_lines(problems: list[Data]) -> Iterator[str]:
    """Errors first."""
    levels = ("error", "warning", "info")
    for problem in sorted(problems, key=lambda one: levels.index(one["level"])):
        if not problem["silenced"]:
            yield f"{problem['level'].upper()} {problem['id']}: {problem['message']}"
            yield f"  {problem['hint']}"


def _server(server: Data) -> Iterator[str]:
    major, minor = divmod(server["version"], 10000)
    reserved = server["superuser_reserved"] + server["reserved"]
    yield f"  Server: PostgreSQL {major}.{minor}"
    if server["pooler"]:
        yield "    behind a pooler: what follows is the server's, whose limits bind the pooler"
    connected = sum(found["count"] for found in server["sessions"])
    for name, value in {
        "max_connections": f"{server['max_connections']}, {reserved} of them reserved: room for "
        f"{server['available']}",
        "limit of role": f"{_value(server['role_limit'])} ({server['role']})",
        "limit of database": f"{_value(server['database_limit'])} ({server['database']})",
        "idle_session_timeout": _value(server["idle_session_timeout"]),
        "idle_in_transaction_session_timeout": _value(
            server["idle_in_transaction_session_timeout"]
        ),
        "connected now": f"{connected}, and this command",
    }.items():
        yield f"    {name:<36} {value}"
    for found in server["sessions"]:
        name = f", {found['application']}" if found["application"] else ""
        yield f"      {found['count']:>5}  {found['role']} in {found['database']}{name}"


def _sizing(data: Data) -> Iterator[str]:
    capacity = data["capacity"]
    yield "  Sizing"
    for one in capacity["demand"]:
        workers = one["workers"]
        plural = "process" if workers["value"] == 1 else "processes"
        source = workers["source"] or "nothing tells of more"
        yield (
            f"    {one['alias']}: maxsize {one['maxsize']} x {workers['value']} {plural} "
            f"({source}) = {one['connections']}"
        )
    yield (
        f"    {capacity['need']} at most, and {capacity['others']} of other clients now, of "
        f"{data['server']['available']}: {_left(capacity['left'])}"
    )
    each = " for each alias" if len(capacity["demand"]) > 1 else ""
    yield f"    maxsize may be up to {capacity['largest_maxsize']}{each} with so many processes"
    yield "    What the load needs, 'stats_interval' tells (docs/sizing.md);"
    yield "    more than a few per core of the server seldom makes it faster."


def _probe(probe: Data, *, socket: bool) -> Iterator[str]:
    yield "  One connection"
    for step, seconds in probe["seconds"].items():
        name = "socket" if step == "tcp" and socket else _STEPS[step]
        if step == "tls":
            name = f"TLS ({probe['encryption'] or 'refused'})"
        yield f"    {name:<16} {seconds * 1000:>9.2f} ms"
    yield f"    {'in all':<16} {sum(probe['seconds'].values()) * 1000:>9.2f} ms"


def _left(left: int) -> str:
    return f"{left} left" if left >= 0 else f"{-left} too many"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
