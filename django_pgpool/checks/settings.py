"""What the settings alone tell: ``manage.py check``, also ``--tag django_pgpool``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.utils import load_backend

from ..drivers.chosen import is_libpq_parameter, strange_wait
from ..migrating.predecessors import INSTEAD, SETTINGS
from ..options import OWN_OPTIONS, PoolOptions, Problem, examine, is_pooled
from ..patching import check_patching
from . import deployment
from .messages import message

FORGETS = 240.0
"""Seconds after which the most impatient of the usual firewalls and load balancers forgets a
connection on which nothing is said."""
_OFF = ("0", "false")


@register("django_pgpool")
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """All that is wrong with the settings of this engine's aliases, and with this process."""
    problems = list(of_process())
    for alias in our_aliases():
        settings = connections.databases[alias]
        pooled = is_pooled(settings["OPTIONS"])
        problems += of_alias(alias, settings) if pooled else _switched_off(alias, settings)
    return [message(problem) for problem in problems]


def pooled_aliases() -> Iterator[str]:
    """Those with this engine, or one made from it, that are not switched off."""
    for alias in our_aliases():
        if is_pooled(connections.databases[alias]["OPTIONS"]):
            yield alias


def our_aliases() -> Iterator[str]:
    """Those with this engine, or one made from it."""
    from ..wrapper import PooledMixin

    for alias, settings in connections.databases.items():
        try:
            backend: Any = load_backend(settings["ENGINE"])
        except ImproperlyConfigured:
            continue  # Django itself says so when it is used
        if issubclass(backend.DatabaseWrapper, PooledMixin):
            yield alias


def of_process() -> Iterator[Problem]:
    """Whether greenlets of this process can work with the engine."""
    try:
        check_patching()
    except ImproperlyConfigured as error:
        what, _, fix = str(error).partition(". ")
        yield Problem("E007", f"{what}.", fix)
    if (name := strange_wait()) is not None:
        yield Problem(
            "W001",
            f"psycopg2 waits through {name}, not through django_pgpool: whether other "
            "greenlets run meanwhile is up to that, and read_timeout and cancel_timeout do "
            "nothing.",
            "Remove its psycopg2.extensions.set_wait_callback(): the engine makes psycopg2 green.",
        )
    yield from _left_over()


def _switched_off(alias: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    _, problems = examine(alias, settings, is_libpq_parameter)
    yield from (problem for problem in problems if problem.id == "E003")
    if useless := [name for name in settings["OPTIONS"] if name in OWN_OPTIONS]:
        yield Problem(
            "W004",
            f"DATABASES[{alias!r}]['OPTIONS']: \"pool\": False switches the pool off, so "
            f"{', '.join(map(repr, useless))} mean nothing.",
            "Remove 'pool' (other engines than this one need it), or the options.",
        )


def _left_over() -> Iterator[Problem]:
    for name in sorted(SETTINGS):
        if hasattr(django_settings, name):
            yield Problem(
                "W005",
                f"The setting {name} is of another pool: nothing reads it any more.",
                f"Instead, {INSTEAD[name]}.",
            )


def of_alias(alias: str, settings: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with one entry of DATABASES."""
    options, problems = examine(alias, settings, is_libpq_parameter)
    if not problems:
        problems += _worth_a_look(alias, settings, options)
    return problems


def _worth_a_look(
    alias: str, settings: Mapping[str, Any], options: PoolOptions
) -> Iterator[Problem]:
    where = f"DATABASES[{alias!r}]"
    ended = deployment.request_limit()
    if ended is not None and options.maxwait >= ended[1].value:
        name, limit = ended
        yield Problem(
            "W002",
            f"{where}['OPTIONS']: a request waits for a connection for up to "
            f"maxwait={options.maxwait:g} s, but gunicorn ends {_which(name)} after "
            f"{name}={limit.value} s ({limit.source}): nobody would see PoolExhausted.",
            f"Set maxwait to less than {limit.value}, or raise gunicorn's {name}.",
        )
    idle = idle_limit(options)
    if _may_be_forgotten(settings) and idle > FORGETS:
        yield Problem(
            "W003",
            f"{where}: a connection may be idle for {_seconds(idle)}, without keepalives within "
            f"{FORGETS:g} s: a firewall or load balancer on the way may forget it, and the next "
            "request hangs on it.",
            "Set OPTIONS 'keepalives_idle' to 30 (remove \"keepalives\": 0), or 'cleanup' below "
            f"{FORGETS:g}.",
        )
    if settings["ATOMIC_REQUESTS"]:
        yield Problem(
            "I001",
            f"{where}['ATOMIC_REQUESTS'] is on: each request holds a connection from its view's "
            "beginning to its end, also while it renders templates or waits for other services.",
            "Where that is long, begin transactions in the views (transaction.atomic), or except "
            "those that need none (transaction.non_atomic_requests). Else silence this check.",
        )


def idle_limit(options: PoolOptions) -> float:
    """Seconds a connection may stay idle; infinite where nothing ends it."""
    limits = [options.expires, None if options.minsize else options.cleanup]
    return min((limit for limit in limits if limit is not None), default=float("inf"))


def _may_be_forgotten(settings: Mapping[str, Any]) -> bool:
    """Whether the connection goes over a network, and TCP says nothing on it for long."""
    options = settings["OPTIONS"]
    host = str(settings["HOST"] or options.get("host") or options.get("hostaddr") or "")
    if not host or host.startswith("/") or host in ("localhost", "127.0.0.1", "::1"):
        return False
    if str(options.get("keepalives", "1")).lower() in _OFF:
        return True
    given = options.keys() & {"keepalives_idle", "keepalives_interval", "keepalives_count"}
    if not given:
        return False  # the engine sets its own
    try:
        silence = float(options.get("keepalives_idle", 0))
    except (TypeError, ValueError):
        return False
    return silence == 0 or silence > FORGETS  # 0: as the system has it, by default two hours


def _which(name: str) -> str:
    if name == "timeout":
        return "a request that a sync worker handles, and the worker,"
    return "the requests of a worker that it replaces"


def _seconds(seconds: float) -> str:
    return "any time" if seconds == float("inf") else f"{seconds:g} s"
