"""Names of hosts, resolved by gevent: libpq would block the whole process while it asks the DNS."""

from __future__ import annotations

import socket as constants
from typing import Any

from gevent import socket

from .dbapi import OperationalError, is_green
from .failures import NO_NAMES_NOW


def with_addresses(params: dict[str, Any]) -> dict[str, Any]:
    """``resolved()`` where the driver is green; else libpq does it."""
    return resolved(params) if is_green() else params


def resolved(params: dict[str, Any]) -> dict[str, Any]:
    """Connection parameters with ``hostaddr``, where ``host`` is a name; else the same dictionary.

    ``host`` stays: TLS, Kerberos and password files go by it. A host with several addresses becomes
    several entries, which libpq tries in turn, as it does by itself. Raises OperationalError where
    no name can be resolved.
    """
    hosts = str(params.get("host") or "").split(",")
    ports = str(params.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    for_libpq = "hostaddr" in params or len(ports) != len(hosts)
    if for_libpq or not any(map(_is_name, hosts)):
        return params
    entries: list[tuple[str, str, str]] = []
    error = ""
    for host, port in zip(hosts, ports, strict=True):
        try:
            entries += [(host, address, port) for address in _addresses(host)]
        except OSError as failed:
            reason = NO_NAMES_NOW if failed.errno == constants.EAI_AGAIN else failed.strerror
            error = f'could not translate host name "{host}" to address: {reason}'
    if not entries:
        raise OperationalError(error)
    columns = (",".join(column) for column in zip(*entries, strict=True))
    return {**params, **dict(zip(("host", "hostaddr", "port"), columns, strict=True))}


def _is_name(host: str) -> bool:
    """Not empty, not the directory of a unix socket, not an address."""
    if not host or host.startswith(("/", "@")):
        return False
    for family in (constants.AF_INET, constants.AF_INET6):
        try:
            constants.inet_pton(family, host)
        except OSError:
            continue
        return False
    return True


def _addresses(host: str) -> list[str]:
    if not _is_name(host):
        return [""]  # libpq goes by ``host``
    found = socket.getaddrinfo(host, None, type=constants.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


SAYS_ALL = ("connection to server", "invalid ", "could not ", "missing ")
"""How messages of libpq begin that are complete, or not about a server."""


def where_to(params: dict[str, Any]) -> str:
    """How libpq begins the message of a failed connection. psycopg2 loses it when it is green."""
    address = str(params.get("hostaddr") or "").split(",")[0]
    host = str(params.get("host") or "").split(",")[0] or address
    port = str(params.get("port") or "").split(",")[0] or "5432"
    if not host:
        return ""
    if host.startswith(("/", "@")):
        return f'connection to server on socket "{host}/.s.PGSQL.{port}" failed: '
    at = f'"{host}" ({address})' if address not in ("", host) else f'"{host}"'
    return f"connection to server at {at}, port {port} failed: "
