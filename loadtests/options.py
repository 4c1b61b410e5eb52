"""The options that every scenario has, once, and the command made of them and a scenario's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import LoadTestError
from .scenarios import Common, Kind, PoolSettings, Scenario


class Fronts(StrEnum):
    """As typer wants a choice."""

    HTTP = "http"
    GREENLETS = "greenlets"


@dataclass(frozen=True, slots=True)
class Output:
    """Where the report goes, and how we speak with the user."""

    reports: Path
    plain: bool
    yes: bool


def common(
    maxsize: Annotated[
        int, typer.Option(min=1, max=500, help="OPTIONS maxsize, of each worker.")
    ] = 8,
    maxwait: Annotated[
        float, typer.Option(min=0.001, max=3600, help="OPTIONS maxwait, seconds.")
    ] = 10.0,
    expires: Annotated[
        float, typer.Option(min=0.1, max=86400, help="OPTIONS expires, seconds.")
    ] = 20.0,
    cleanup: Annotated[
        float, typer.Option(min=0.1, max=86400, help="OPTIONS cleanup, seconds.")
    ] = 3.0,
    front: Annotated[
        Fronts,
        typer.Option(
            help="http: a site under gunicorn -k gevent. greenlets: the ORM in one process, load "
            "and all."
        ),
    ] = Fronts.HTTP,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Workers of gunicorn, each with a pool.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same requests.")] = 1,
    scale: Annotated[
        float,
        typer.Option(min=0.01, max=1000, help="Length of it all; expires and cleanup follow."),
    ] = 1.0,
) -> Common:
    """What the scenarios have in common. Raises LoadTestError."""
    if front is Fronts.GREENLETS and workers > 1:
        raise LoadTestError("the greenlets are in one process: --workers is for --front http")
    pool = PoolSettings(maxsize, maxwait, round(expires * scale, 3), round(cleanup * scale, 3))
    return Common(pool, front.value, workers, seed, scale)


def output(
    reports: Annotated[Path, typer.Option(help="Directory for the report.")] = Path("reports"),
    plain: Annotated[bool, typer.Option("--plain", help="A line per second, no table.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before using DATABASE_URL.")
    ] = False,
) -> Output:
    """Where the report goes, and how we speak with the user."""
    return Output(reports, plain, yes)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


SHARED = _parameters(common)
"""The options that say what is run and measured, with their annotations."""

PASSES_ON = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Of a command that takes the options of a scenario beside its own."""
EPILOG = "Further options are those of the scenario: see python -m loadtests steady --help."

Act = Callable[[Scenario, str, Output], None]
"""Takes the scenario, the command that repeats it, and where the report goes."""


def command(kind: Kind, act: Act) -> Callable[..., None]:
    """A function for typer that calls ``act``: its parameters are those of ``kind`` and ours."""
    own = kind.parameters()
    shared = [
        parameter.replace(default=kind.defaults.get(parameter.name, parameter.default))
        for parameter in SHARED
    ]
    ours = _parameters(output)

    def run(**values: Any) -> None:
        def chosen(parameters: list[inspect.Parameter]) -> dict[str, Any]:
            return {parameter.name: values[parameter.name] for parameter in parameters}

        scenario = kind.build(common(**chosen(shared)), **chosen(own))
        act(scenario, _repeat(kind.name, chosen([*own, *shared])), output(**chosen(ours)))

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*own, *shared, *ours)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = inspect.getdoc(kind.make)
    return run


def own_options(kind: Kind, arguments: list[str]) -> dict[str, Any]:
    """The parameters of ``kind`` from the words of a command line that passes them on.

    Raises typer.TyperException, which names the option.
    """

    def take(**values: Any) -> dict[str, Any]:
        return values

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in kind.parameters()
    ]
    take.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    take.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    parser = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    parser.command()(take)
    return dict(parser(arguments, kind.name, standalone_mode=False))


def _repeat(name: str, values: dict[str, Any]) -> str:
    """The command that repeats the run; without paths and confirmations, which are local."""
    options = (
        f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"
        for name, value in values.items()
    )
    return f"python -m loadtests {name} {' '.join(options)}"
