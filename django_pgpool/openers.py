"""How connections are opened for the pool: by Django's own code, on wrappers that nobody else uses.

What follows from the settings is found out once, not for each connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql.psycopg_any import mogrify

from .drivers.bound import TIMEOUT
from .drivers.chosen import (
    Error,
    OperationalError,
    TrackedConnection,
    database,
    in_one,
    tracked,
)
from .drivers.hints import said_by, with_hint
from .drivers.hosts import first_to_open, placed
from .drivers.lent import RESET
from .drivers.resolving import SAYS_ALL, where_to
from .redaction import redacted

if TYPE_CHECKING:
    from .wrapper import PooledMixin

TCP_DEFAULTS: tuple[dict[str, int], ...] = (
    {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3},
    {"tcp_user_timeout": 30_000},
)
"""Where the user has set none of a group: a peer that is gone is noticed within a minute by an idle
connection and within 30 s by one that has sent something, not after hours. (Milliseconds in
tcp_user_timeout; unix sockets ignore them.)"""

REACHABLE = (
    "Can it be reached from here (address, firewall)? Where it is only slow, raise "
    "OPTIONS['connect_timeout']."
)


@dataclass(slots=True, repr=False)
class _Known:
    """What follows from one state of the settings."""

    of: dict[str, Any]
    """That state."""
    lasts: bool
    """As long as the settings are equal to ``of``: nothing in them is worked out when it is looked
    at, as a password of this moment may be."""
    wrapper: PooledMixin
    """Its settings are those of ``of``, but for ``connect_timeout``. Where Django's own code
    connects, all do so through it at the same time: that keeps nothing on it but the isolation
    level."""
    params: dict[str, Any]
    """The driver's, where no host has to be searched for."""
    in_one: dict[str, Any]
    """The same, as the driver is done with them soonest."""
    restore: str | None = None
    """See ``_restore_sql``; known once a connection was opened."""


class Openers:
    """Of one pool. ``connect_timeout``: seconds for each host."""

    isolation_level: Any = None
    """What Django notes on a wrapper that has connected; known once a connection was opened."""

    def __init__(
        self, wrapper_class: type[PooledMixin], alias: str, connect_timeout: float
    ) -> None:
        self._wrapper_class = wrapper_class
        self._alias = alias
        self._connect_timeout = connect_timeout
        self._wrappers: list[PooledMixin] = []
        """Those that are idle: each configures one connection at a time."""
        self._known: _Known | None = None

    def open(self, source: dict[str, Any], settings: dict[str, Any]) -> TrackedConnection:
        """A connection, configured, with ``source``, an entry of DATABASES as it is now: a new
        password counts at once. Where that leads to another database by now, with ``settings``, as
        it was.

        Raises the driver's Error, without what is secret.
        """
        known = self._known
        if (
            known is None
            or known.of != source
            or not known.lasts
            or not known.wrapper.takes_params_of_django()
        ):
            still = settings_key(source) == settings_key(settings)
            known = self._known = self._find_out(source if still else settings)
        params = known.params
        try:
            connection = first_to_open(params, partial(self._open, known), self._connect_timeout)
        except Error as error:
            said = str(error)
            clean = with_hint(redacted(said, params))
            if said.startswith(TIMEOUT):
                clean = f"{where_to(params)}{clean}. {REACHABLE}"
            if clean == said:
                raise
            raise type(error)(clean) from None
        return connection

    def _find_out(self, settings: dict[str, Any]) -> _Known:
        of = copy_of(settings)
        own = copy_of(of)
        own["OPTIONS"]["connect_timeout"] = self._connect_timeout
        wrapper = self._make_wrapper(own)
        params = placed(tracked(wrapper.get_connection_params()))
        if not str(params.get("host", "")).startswith("/"):
            for group in TCP_DEFAULTS:
                if not params.keys() & group.keys():
                    params.update(group)
        short = in_one(params) if wrapper.connects_as_django() else params
        return _Known(of, all(map(_lasts, _values(of))), wrapper, params, short)

    def _open(self, known: _Known, place: dict[str, Any]) -> TrackedConnection:
        """At one host: connect, and do what Django does on each connect() though it is the same
        each time."""
        connecting, wrapper = known.wrapper, None
        if connecting.connects_as_django():
            params = known.in_one if place is known.params else place
        else:  # who may keep anything on the wrapper, and change the parameters
            connecting = wrapper = self._take_wrapper(known)
            params = {**place}
        connecting.Database = database
        try:
            connection: TrackedConnection = connecting.open_connection(params)
        except OperationalError as error:
            said = said_by(error)
            if said.startswith(SAYS_ALL):
                raise
            raise type(error)(f"{where_to(place)}{said}") from error
        self.isolation_level = connecting.isolation_level
        try:
            self._configure(known, wrapper or self._take_wrapper(known), connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _configure(
        self, known: _Known, wrapper: PooledMixin, connection: TrackedConnection
    ) -> None:
        wrapper.connection = connection  # Django composes SQL through it
        try:
            connection.autocommit = True
            wrapper._configure_connection(connection)
            if known.restore is None:
                known.restore = _restore_sql(wrapper, connection)
            connection.restore = known.restore
        finally:
            wrapper.connection = None
        self._wrappers.append(wrapper)

    def _take_wrapper(self, known: _Known) -> PooledMixin:
        try:
            wrapper = self._wrappers.pop()
        except IndexError:
            return self._make_wrapper(known.wrapper.settings_dict)
        wrapper.settings_dict = known.wrapper.settings_dict
        return wrapper

    def _make_wrapper(self, settings: dict[str, Any]) -> PooledMixin:
        wrapper = self._wrapper_class(settings, self._alias)
        wrapper.inc_thread_sharing()  # whoever opens next is another greenlet
        return wrapper


def _values(settings: dict[str, Any]) -> list[Any]:
    """All that may get into the driver's parameters."""
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    return [*(settings.get(name) for name in names), *settings["OPTIONS"].values()]


def _lasts(value: object) -> bool:
    """Not so what is worked out whenever it is looked at, as Django's lazy() does."""
    return value is None or type(value) is str or isinstance(value, (int, float, type))


_SESSION = ("USER", "TIME_ZONE", "CONN_HEALTH_CHECKS")


def settings_key(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """All that makes a connection what it is, but the password: that may be rotated."""
    options = tuple(sorted((str(name), repr(value)) for name, value in settings["OPTIONS"].items()))
    return (*database_of(settings), *(settings[name] for name in _SESSION), options)


def database_of(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where an entry of DATABASES leads."""
    return (settings["HOST"], str(settings["PORT"]), settings["NAME"])


def copy_of(settings: dict[str, Any]) -> dict[str, Any]:
    """An entry of DATABASES that stays as it is, whatever becomes of the other."""
    return {**settings, "OPTIONS": {**settings["OPTIONS"]}}


def _restore_sql(wrapper: PooledMixin, connection: TrackedConnection) -> str:
    """What takes the session back to this state, whatever was done to it, in one round trip."""
    statements = [RESET]
    if wrapper.timezone_name:
        raw: Any = connection  # past the wrapper, which may be another greenlet's
        sql = wrapper.ops.set_time_zone_sql()
        statements.append(mogrify(sql, [wrapper.timezone_name], raw))
    if role := wrapper.settings_dict["OPTIONS"].get("assume_role"):
        statements.append(wrapper.ops.compose_sql("SET ROLE %s", [role]))
    return "; ".join(statements)
