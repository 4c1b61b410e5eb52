"""From the words of the command line to scenarios, and to the command that repeats a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import LoadTestError
from ..scenarios import SCENARIOS, Common, Kind, Scenario

LOCAL = ("reports", "markdown_file", "yes")
"""Options that mean nothing elsewhere."""
NAMES = {"settings": "set"}
"""Options that are called otherwise than their parameters."""


def scenarios(names: str, common: Common, settings: Sequence[str]) -> list[Scenario]:
    """Those of ``names``, with commas between them. ``settings`` ("rate=300") go to those that have
    such a parameter. Raises LoadTestError."""
    kinds = [_kind(name.strip()) for name in names.split(",")]
    own = [_own(kind, settings) for kind in kinds]
    for text in settings:
        name = text.partition("=")[0]
        if not any(name in values for values in own):
            there = sorted({name for kind in kinds for name in _defaults(kind)})
            raise LoadTestError(
                f"--set {text}: {names} has no parameter {name!r}, only {', '.join(there)}"
            )
    made = [kind.build(common, **values) for kind, values in zip(kinds, own, strict=True)]
    for scenario in made:
        if scenario.plan.servers != "any":
            raise LoadTestError(
                f"--scenario {scenario.name}: it stops the server, which all engines share here"
            )
    return made


def _kind(name: str) -> Kind:
    if name not in SCENARIOS:
        there = ", ".join(SCENARIOS)
        raise LoadTestError(f"--scenario {name}: there is no such scenario, only {there}")
    return SCENARIOS[name]


def _defaults(kind: Kind) -> dict[str, Any]:
    return {parameter.name: parameter.default for parameter in kind.parameters()}


def _own(kind: Kind, settings: Sequence[str]) -> dict[str, Any]:
    """What ``settings`` mean to ``kind``."""
    defaults, found = _defaults(kind), {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise LoadTestError(f"--set {text}: must be of the form name=value")
        if name not in defaults:
            continue
        make = type(defaults[name])
        try:
            found[name] = make(value)
        except ValueError:
            raise LoadTestError(f"--set {text}: {value!r} is not a number") from None
    return found


def repeat(program: str, values: Mapping[str, Any]) -> str:
    """The command that repeats a run; without paths and confirmations, which are local."""
    words = [program]
    for name, value in values.items():
        if name in LOCAL or value is None:
            continue
        option = f"--{NAMES.get(name, name)}"
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [option, f"{one:g}" if isinstance(one, float) else str(one)]
    return " ".join(words)
