"""All that is told of one alias, as plain data: ``--json`` writes it as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections

from ..checks import capacity, facts
from ..checks.deployment import workers
from ..checks.facts import Server
from ..checks.messages import message
from ..checks.server import unreachable
from ..checks.settings import of_alias
from ..drivers.chosen import is_libpq_parameter
from ..drivers.probe import Probe, probe
from ..options import PoolOptions, Problem, examine
from ..redaction import redacted

Data = dict[str, Any]


def overview(alias: str, *, with_probe: bool) -> Data:
    """Of an alias that is pooled."""
    settings = connections.databases[alias]
    options, refused = examine(alias, settings, is_libpq_parameter)
    problems = list(of_alias(alias, settings))
    data: Data = {
        "alias": alias,
        "place": _place(settings),
        "settings": dict(_values(options, settings["OPTIONS"], refused)),
        "server": None,
        "capacity": None,
    }
    if not refused:
        if with_probe:
            data["probe"], failed = _probe(alias, options)
            problems += failed
        try:
            server = facts.ask(connections[alias])
        except (Error, ImproperlyConfigured) as error:
            problems.append(unreachable(alias, error))
        else:
            data["server"] = {**asdict(server), "available": server.available}
            if not server.pooler:
                data["capacity"] = _capacity(alias, server)
            problems += capacity.problems(alias, options, server)
    data["problems"] = [told(message(problem)) for problem in problems]
    return data


def told(found: CheckMessage) -> Data:
    """One finding of the checks."""
    kinds = {"E": "error", "W": "warning", "I": "info"}
    name = str(found.id)
    return {
        "id": name,
        "level": kinds[name.removeprefix("django_pgpool.")[0]],
        "message": found.msg,
        "hint": found.hint,
        "silenced": found.is_silenced(),
    }


def is_well(problems: list[Data]) -> bool:
    """Nothing but hints, and what the site has silenced."""
    return all(problem["silenced"] or problem["level"] == "info" for problem in problems)


def _place(settings: Mapping[str, Any]) -> Data:
    """Where it leads; the password that somebody has put into one of these stays out."""
    return {
        key.lower(): redacted(str(settings[key] or ""), {})
        for key in ("ENGINE", "NAME", "HOST", "PORT", "USER")
    }


def _values(options: PoolOptions, given: Any, refused: list[Problem]) -> Iterator[tuple[str, Data]]:
    """Each option, and where its value came from."""
    for field in fields(options):
        value = getattr(options, field.name)
        source = "OPTIONS" if isinstance(given, Mapping) and field.name in given else "default"
        if any(f"['OPTIONS'][{field.name!r}]" in problem.what for problem in refused):
            source = "default, OPTIONS refused"
        if field.name == "workers":
            known = workers(options.workers)
            value, source = known.value, known.source or "nothing tells of more"
        yield field.name, {"value": value, "source": source}


def _capacity(alias: str, server: Server) -> Data:
    demand = capacity.demands(alias, server)
    strangers = capacity.others(demand, server)
    beside = sum(found.count for found in strangers)
    need = sum(one.connections for one in demand)
    return {
        "demand": [asdict(one) | {"connections": one.connections} for one in demand],
        "need": need,
        "others": beside,
        "left": server.available - beside - need,
        "largest_maxsize": capacity.fitting(demand, server.available - beside),
    }


def _probe(alias: str, options: PoolOptions) -> tuple[Data, list[Problem]]:
    try:
        found = probe(connections[alias].get_connection_params(), options.connect_timeout)
    except ImproperlyConfigured as error:
        found = Probe(error=str(error), failed_at="settings")
    problems = []
    if found.error is not None:
        problems.append(
            Problem(
                "E102",
                f"DATABASES[{alias!r}]: a connection could not be opened and used, it failed at "
                f"step {found.failed_at!r}: {found.error}",
                "The steps before it took place; it is this one that has to be seen to.",
            )
        )
    elif sum(found.seconds.values()) >= options.maxwait:
        problems.append(
            Problem(
                "W105",
                f"DATABASES[{alias!r}]: opening a connection took "
                f"{sum(found.seconds.values()):.2f} s, as long as a request waits at most "
                f"(maxwait={options.maxwait:g} s).",
                "Look at the slowest step, or raise OPTIONS 'maxwait'.",
            )
        )
    return asdict(found), problems
