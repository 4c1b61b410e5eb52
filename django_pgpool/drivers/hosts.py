"""The search for a host that takes the connection, where the driver is green.

Without gevent libpq searches by itself. In its asynchronous mode it does not bound an attempt, so a
host that is silent would be the last one it tries. Here each host, and each address of a name, is
an attempt with a time limit of its own, and who is tried, and after what, is as libpq has it.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import shuffle
from typing import Any, TypeVar

from .bound import TIMEOUT, bounded
from .dbapi import OperationalError, is_green
from .failures import CANNOT_CONNECT_NOW
from .resolving import SAYS_ALL, where_to, with_addresses

C = TypeVar("C")
Params = dict[str, Any]

_PLACE = ("hostaddr", "host", "port")
_SEARCHED_BY = (*_PLACE, "target_session_attrs", "load_balance_hosts")
_GOES_ON = (
    TIMEOUT,
    "Is the server running",  # libpq's hint wherever the network or the kernel says no
    "could not create socket",  # no IPv6 here
    "could not translate host name",
    # target_session_attrs
    "session is read-only",
    "session is not read-only",
    "server is in hot standby mode",
    "server is not in hot standby mode",
    *CANNOT_CONNECT_NOW,
)
"""Failures after which the next host is tried. Any other ends the search: a server was there and
has answered, and one that is asked for a wrong password must not make the others count it, too."""


def placed(params: Params) -> Params:
    """With what libpq would take from the environment to find its server."""
    names = ("service",) if _from_environment(params, "service") else _SEARCHED_BY
    found = {name: _from_environment(params, name) for name in names}
    return {**params, **{name: value for name, value in found.items() if value}}


def first_to_open(params: Params, connect: Callable[[Params], C], seconds: float) -> C:
    """What ``connect`` makes of the first host that lets it; each attempt may take so long. Where
    there is nothing to search for, it gets these very parameters. Those of ``placed()``.

    Raises OperationalError, which tells of every attempt where there were several.
    """
    one = str(params.get("host", ""))
    if one.startswith("/") and "," not in one and not params.get("hostaddr"):  # a socket
        with bounded("opening a connection", seconds):
            return connect(params)
    if not is_green() or params.get("service"):
        # libpq searches; what is in a service file only it knows.
        with bounded("opening a connection", seconds):
            return connect(with_addresses(params))
    to_do = _hosts(params)
    failures: list[str] = []
    while True:
        place = to_do.pop(0)
        try:
            with bounded("opening a connection", seconds):
                place, *others = _split(with_addresses(place))
                to_do[:0] = others
                return connect(place)
        except OperationalError as error:
            failures.append(_named(str(error).strip(), place))
            if to_do and any(text in failures[-1] for text in _GOES_ON):
                continue
            if len(failures) == 1:
                raise
            raise type(error)("\n".join(failures)) from error


def _hosts(params: Params) -> list[Params]:
    """In the order in which they are tried, each with what is asked of its server."""
    hosts = _split(params)
    if params.get("target_session_attrs") == "prefer-standby":
        passes = ("standby", "any")
        return [{**host, "target_session_attrs": wanted} for wanted in passes for host in hosts]
    return hosts


def _split(params: Params) -> list[Params]:
    """One of each host or address. What libpq is going to refuse stays as it is."""
    columns = {name: str(params[name]).split(",") for name in _PLACE if params.get(name)}
    number = len(columns.get("hostaddr") or columns.get("host") or [""])
    if len(columns.get("port", ())) == 1:
        columns["port"] *= number
    if number == 1 or any(len(column) != number for column in columns.values()):
        return [params]
    rows = zip(*columns.values(), strict=True)
    places = [{**params, **dict(zip(columns, row, strict=True))} for row in rows]
    if params.get("load_balance_hosts") == "random":
        shuffle(places)
    return places


def _from_environment(params: Params, name: str) -> Any:
    """As libpq looks it up where the parameters do not say it."""
    return params.get(name) or os.environ.get(f"PG{name.replace('_', '').upper()}")


def _named(message: str, place: Params) -> str:
    return message if message.startswith(SAYS_ALL) else f"{where_to(place)}{message}"
