"""From the words of the command line to scenarios, and to the command that repeats a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from ..errors import LoadTestError
from ..options import own_options
from ..scenarios import SCENARIOS, Common, Kind, Scenario

LOCAL = ("reports", "markdown_file", "yes")
"""Options that mean nothing elsewhere."""


def scenarios(names: str, common: Common, arguments: Sequence[str]) -> list[Scenario]:
    """Those of ``names``, with commas between them. ``arguments`` ("--rate", "300") go to those
    that have such an option.

    Raises LoadTestError, or typer.TyperException which names the option.
    """
    kinds = [_kind(name.strip()) for name in names.split(",")]
    own: list[list[str]] = [[] for _ in kinds]
    for option, words in _options(arguments):
        takers = [taken for kind, taken in zip(kinds, own, strict=True) if option in _there(kind)]
        if not takers:
            there = ", ".join(sorted(set().union(*map(_there, kinds))))
            raise LoadTestError(f"{option}: neither compare nor {names} has it, only {there}")
        for taken in takers:
            taken.extend(words)
    made = [
        kind.build(common, **own_options(kind, taken))
        for kind, taken in zip(kinds, own, strict=True)
    ]
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


def _there(kind: Kind) -> set[str]:
    return {f"--{parameter.name}" for parameter in kind.parameters()}


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with the words that it is made of."""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        option, equals, _ = word.partition("=")
        if not option.startswith("--"):
            raise typer.BadParameter(f"what is {word!r}?")
        yield option, [word] if equals or not rest else [word, rest.pop(0)]


def repeat(program: str, values: Mapping[str, Any], passed_on: Sequence[str]) -> str:
    """The command that repeats a run; without paths and confirmations, which are local."""
    words = [program]
    for name, value in values.items():
        if name not in LOCAL and value is not None:
            words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    return " ".join([*words, *passed_on])
