"""DATABASES OPTIONS -> PoolOptions: defaults, coercion and validation, in one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .migrating.predecessors import INSTEAD
from .redaction import redacted


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """The pool's settings. Durations are seconds; None switches a limit off where it is allowed."""

    maxsize: int = 20
    maxwait: float = 10.0
    expires: float | None = 300.0
    cleanup: float | None = 20.0
    minsize: int = 0
    maxwaiting: int | None = None
    connect_timeout: float = 5.0
    reset: str = "auto"
    read_timeout: float | None = None
    cancel_timeout: float | None = 1.0
    held_warning: float | None = None
    stats_interval: float | None = None
    workers: int | None = None
    """Processes that use these settings. The pool does not need it, the checks do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with the settings: what, and what to do."""

    id: str
    """Of the system check that reports it, without the name of the application."""
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".rstrip()


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


_RESET = ("auto", "always", "never")
_MINIMUM = {"maxsize": 1, "minsize": 0, "maxwaiting": 1, "workers": 1}
_WHOLE = frozenset(_MINIMUM)
_SHORTEST = {"stats_interval": 0.1}
_MAY_BE_NONE = frozenset(
    {"expires", "cleanup", "maxwaiting", "read_timeout", "cancel_timeout", "held_warning"}
    | {"stats_interval", "workers"}
)
_LIBPQ_NUMBERS = frozenset(
    {"keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval"}
    | {"tcp_user_timeout"}
)
_SHARED_WITH_LIBPQ = frozenset({"connect_timeout"})

OWN_OPTIONS = frozenset(field.name for field in fields(PoolOptions)) - _SHARED_WITH_LIBPQ
"""Keys of OPTIONS that libpq must not see."""

DJANGO_OPTIONS = frozenset({"assume_role", "isolation_level", "pool", "server_side_binding"})
"""Keys that Django's PostgreSQL backend takes, beside those of the driver's connect()."""

LIBPQ_PARAMETERS = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
]
"""Only for suggesting the right spelling; what is valid, libpq itself is asked.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""


def is_pooled(options: Any) -> bool:
    """``"pool": False`` (or None) means no pooling; Django's own tests copy a wrapper so. Options
    that are no dictionary are those of a pool, which refuses them."""
    return not isinstance(options, Mapping) or bool(options.get("pool", True))


def has_old_names(options: Mapping[str, Any]) -> bool:
    """Whether some are options of another pool, which no driver would understand."""
    return not options.keys().isdisjoint(INSTEAD)


def parse(
    alias: str, settings_dict: Mapping[str, Any], is_libpq_parameter: Callable[[str], bool]
) -> PoolOptions:
    """Validate one entry of DATABASES. Raises ImproperlyConfigured, naming option and fix.

    ``is_libpq_parameter``: whether the driver's connect() takes it, for libpq or for itself.
    """
    options, problems = examine(alias, settings_dict, is_libpq_parameter)
    if problems:
        raise ImproperlyConfigured(str(problems[0]))
    return options


def examine(
    alias: str, settings_dict: Mapping[str, Any], is_libpq_parameter: Callable[[str], bool]
) -> tuple[PoolOptions, list[Problem]]:
    """All that is wrong with one entry of DATABASES, and what is in force where it is right."""
    where = f"DATABASES[{alias!r}]"
    problems: list[Problem] = []
    max_age = settings_dict.get("CONN_MAX_AGE", 0)
    if max_age != 0:
        problems.append(
            Problem(
                "E001",
                f"{where}['CONN_MAX_AGE'] must be 0, not {max_age!r}: the pool keeps connections "
                "open between requests.",
                "How long is up to OPTIONS 'expires' and 'cleanup'.",
            )
        )
    options = settings_dict.get("OPTIONS", {})
    if not isinstance(options, Mapping):
        problems.append(
            Problem(
                "E004",
                f"{where}['OPTIONS'] must be a dictionary, not of type {type(options).__name__}.",
            )
        )
        options = {}
    if options.get("pool"):
        problems.append(
            Problem(
                "E002",
                f"{where}['OPTIONS']['pool'] switches on Django's own pool, beside this engine's. "
                "(Its kind of Database pooling requires psycopg >= 3.)",
                "Remove it: the engine django_pgpool is a pool. "
                f'("pool": False switches pooling off.){_one_by_one(options["pool"])}',
            )
        )
    problems += [
        Problem(
            "E008",
            f"{where}[{key!r}] is a URL.",
            "Take it apart into NAME, USER, PASSWORD, HOST and PORT, as dj_database_url.parse() "
            "does.",
        )
        for key in ("NAME", "HOST")
        if "://" in str(settings_dict.get(key) or "")
    ]
    problems += _beside(where, settings_dict)
    if has_old_names(options) and not is_pooled(options):
        problems.append(
            Problem(
                "E003",
                f"{where}['OPTIONS'] has options of another pool, and \"pool\": False, which "
                "switches this one off.",
                f"Remove 'pool'.{_one_by_one(options)}",
            )
        )
    values: dict[str, Any] = {}
    own = {field.name for field in fields(PoolOptions)}
    for name, value in options.items():
        try:
            _check_known(where, name, is_libpq_parameter)
            if name in own:
                values[name] = _coerce(where, name, value)
            elif name in _LIBPQ_NUMBERS and value is not None:
                _check_whole(where, name, value)
        except _Refused as refused:
            problems.append(refused.problem)
    parsed = PoolOptions(**values)
    if parsed.minsize > parsed.maxsize and not any(problem.id == "E004" for problem in problems):
        problems.append(
            Problem(
                "E005",
                f"{where}['OPTIONS']: minsize={parsed.minsize} is more than "
                f"maxsize={parsed.maxsize}.",
                "Lower minsize or raise maxsize.",
            )
        )
    if parsed.stats_interval is not None and find_spec("hdrh") is None:
        problems.append(
            Problem(
                "E006",
                f"{where}['OPTIONS']['stats_interval'] needs the package hdrhistogram:",
                "pip install 'django_pgpool[stats]', or remove the option.",
            )
        )
    return parsed, problems


def libpq_seconds(alias: str, value: Any) -> int:
    """``connect_timeout`` as libpq takes it: whole seconds, and 1 counts as 2 (until version 17).

    Raises ImproperlyConfigured.
    """
    try:
        seconds = _coerce(f"DATABASES[{alias!r}]", "connect_timeout", value)
    except _Refused as refused:
        raise ImproperlyConfigured(str(refused)) from None
    return max(2, math.ceil(float(seconds or 0)))


def _check_known(where: str, name: object, is_libpq_parameter: Callable[[str], bool]) -> None:
    if not isinstance(name, str):
        raise _Refused(
            Problem("E003", f"{where}['OPTIONS'] has a key that is no string: {name!r}.")
        )
    known = OWN_OPTIONS | _SHARED_WITH_LIBPQ | DJANGO_OPTIONS
    if name in known or (name not in INSTEAD and is_libpq_parameter(name)):
        return
    if name in INSTEAD:
        hint = f"Instead, {INSTEAD[name]}."
    else:
        close = get_close_matches(name.lower(), [*known, *LIBPQ_PARAMETERS], n=1, cutoff=0.6)
        hint = f"Did you mean {close[0]!r}?" if close else ""
    raise _Refused(
        Problem(
            "E003",
            f"{where}['OPTIONS'] has an unknown key {name!r}: it is neither an option of "
            f"django_pgpool ({', '.join(field.name for field in fields(PoolOptions))}) nor a "
            "connection parameter of libpq.",
            hint,
        )
    )


def _beside(where: str, settings_dict: Mapping[str, Any]) -> Iterator[Problem]:
    """Options of pools where Django would not even look at them."""
    for name, value in settings_dict.items():
        if name in OWN_OPTIONS:
            yield Problem(
                "E003", f"{where}[{name!r}] is an option of django_pgpool.", "Put it into OPTIONS."
            )
        elif name in INSTEAD and name != "CONN_MAX_AGE":
            yield Problem(
                "E003",
                f"{where}[{name!r}] is of another pool.",
                f"Instead, {INSTEAD[name]}.{_one_by_one(value)}",
            )


def _one_by_one(options: Any) -> str:
    """What to do instead of each option in a dictionary of another pool's."""
    if not isinstance(options, Mapping):
        return ""
    said = [f"for {name!r}, {INSTEAD[name]}" for name in options if name in INSTEAD]
    return f" F{'; '.join(said)[1:]}." if said else ""


def _coerce(where: str, name: str, value: Any) -> float | int | str | None:
    """Numbers, and strings that are numbers (as in a URL)."""
    if isinstance(value, str) and value.strip().lower() == "none":
        value = None
    if value is None and name in _MAY_BE_NONE:
        return None
    if name == "reset":
        if value not in _RESET:
            raise _bad(where, name, value, f"one of {', '.join(map(repr, _RESET))}")
        return str(value)
    number = _number(value)
    if name in _WHOLE:
        minimum = _MINIMUM[name]
        if number is None or not number.is_integer() or number < minimum:
            raise _bad(where, name, value, f"a whole number, at least {minimum}")
        return int(number)
    if name in _SHORTEST and (number is None or number < _SHORTEST[name]):
        raise _bad(where, name, value, f"a number of seconds, at least {_SHORTEST[name]}")
    if number is None or number <= 0:
        raise _bad(where, name, value, "a number of seconds greater than 0")
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check_whole(where: str, name: str, value: Any) -> None:
    """psycopg2 says nothing more than "can't get cancellation key"."""
    number = _number(value)
    if number is None or not number.is_integer():
        raise _bad(where, name, value, "a whole number")


def _bad(where: str, name: str, value: Any, expected: str) -> _Refused:
    none = " (or None for no limit)" if name in _MAY_BE_NONE else ""
    return _Refused(
        Problem(
            "E004",
            f"{where}['OPTIONS'][{name!r}] must be {expected}{none}, not "
            f"{redacted(repr(value), {})}.",
        )
    )
