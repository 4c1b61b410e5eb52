"""``python -m loadtests sweep``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from .. import database
from ..advice import ORDINARY
from ..display import Display, LiveDisplay, PlainDisplay, Silent
from ..errors import LoadTestError, SiteFailed
from ..interrupts import Interrupts
from ..options import Fronts, common, own_options
from ..permission import permitted_url
from ..report import Report
from ..scenarios import SCENARIOS, Kind, Scenario
from ..terminal import say, terminal
from .data import data_of
from .grid import OPTIONS, Grid, grid
from .run import Sweep, run
from .show import html, print_summary

MOMENT = 3.0
"""Seconds in which a site starts and stops, about."""


def sweep(
    context: typer.Context,
    maxsize: Annotated[str, typer.Option(help="OPTIONS maxsize: a list.")] = "2,4,8,16,32",
    maxwait: Annotated[str, typer.Option(help="OPTIONS maxwait, seconds: one or a list.")] = "10",
    expires: Annotated[str, typer.Option(help="OPTIONS expires, seconds: one or a list.")] = "20",
    cleanup: Annotated[str, typer.Option(help="OPTIONS cleanup, seconds: one or a list.")] = "3",
    scenario: Annotated[
        str, typer.Option(help=f"One of {', '.join(sorted(ORDINARY))}.")
    ] = "steady",
    rounds: Annotated[
        int, typer.Option(min=1, max=100, help="How often each is run; medians count.")
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            help="Workers of the real site, for max_connections; by default those that are run.",
            show_default=False,
        ),
    ] = None,
    max_connections: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="max_connections of its server.", show_default=False
        ),
    ] = None,
    front: Annotated[Fronts, typer.Option(help="As in the scenarios.")] = Fronts.HTTP,
    run_workers: Annotated[
        int, typer.Option(min=1, max=64, help="Workers that are run, each with a pool.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same requests.")] = 1,
    scale: Annotated[
        float,
        typer.Option(min=0.01, max=1000, help="Length of each run; expires and cleanup follow."),
    ] = 1.0,
    reports: Annotated[Path, typer.Option(help="Directory for the report.")] = Path("reports"),
    plain: Annotated[bool, typer.Option("--plain", help="A line per second, no table.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before using DATABASE_URL.")
    ] = False,
) -> None:
    """Run a scenario with each of several settings, and recommend some."""
    kind = _kind(scenario)
    own = own_options(kind, context.args)
    if front is Fronts.GREENLETS and run_workers > 1:
        raise LoadTestError("the greenlets are in one process: --run-workers is for --front http")
    tried = grid({"maxsize": maxsize, "maxwait": maxwait, "expires": expires, "cleanup": cleanup})

    def build(settings: dict[str, float]) -> Scenario:
        shared = common(
            maxsize=int(settings["maxsize"]),
            maxwait=settings["maxwait"],
            expires=settings["expires"],
            cleanup=settings["cleanup"],
            front=front,
            workers=run_workers,
            seed=seed,
            scale=scale,
        )
        return kind.build(shared, **own)

    said = {"scenario": scenario, "rounds": rounds, "front": front.value, "seed": seed}
    said |= {"run-workers": run_workers, "scale": scale, **own}
    if workers:
        said["workers"] = workers
    if max_connections:
        said["max-connections"] = max_connections
    planned = Sweep(tried, build, rounds, _repeat(tried, said))
    console = terminal()
    report = Report(reports, f"sweep-{scenario}")
    report.prepare()
    with Interrupts() as interrupts:
        _run(console, planned, _display(console, plain=plain), interrupts, yes=yes)
        data = data_of(planned, workers, max_connections)
        try:
            path = report.write(data, html)
        finally:
            print_summary(console, data)
        say(console, f"report: {path}")
    if interrupts.signum:
        raise typer.Exit(128 + interrupts.signum)
    if planned.failure:
        raise SiteFailed(planned.failure, planned.log)


def _run(
    console: Console, planned: Sweep, display: Any, interrupts: Interrupts, *, yes: bool
) -> None:
    """All runs, or those up to a signal; from then on another one is only remembered."""
    number = len(planned.points) * planned.rounds
    seconds = planned.scenario.seconds

    def tell(text: str) -> None:
        say(console, text)

    try:
        url = permitted_url(yes=yes)
        place = (
            database.own_schema(url) if url else database.embedded(planned.scenario.common.limit)
        )
        total = number * (seconds + MOMENT)
        length = f"{total:.0f} s" if total < 100 else f"{total / 60:.0f} min"
        tell(f"{number} runs of {seconds:.0f} s and a moment: about {length}")
        run(planned, place, display, interrupts, tell)
    except KeyboardInterrupt:
        print("interrupted before the first run ended: there is no report", file=sys.stderr)
        raise typer.Exit(128 + (interrupts.signum or 0)) from None


# ---- what was asked for


def _kind(name: str) -> Kind:
    if name not in ORDINARY:
        why = "is no ordinary load" if name in SCENARIOS else "is unknown"
        raise LoadTestError(f"--scenario: {name!r} {why}; one of {', '.join(sorted(ORDINARY))}")
    return SCENARIOS[name]


def _repeat(tried: Grid, said: dict[str, Any]) -> str:
    """The command that repeats it; without paths and confirmations, which are local."""
    lists = {option: ",".join(f"{value:g}" for value in tried.values[option]) for option in OPTIONS}
    options = (
        f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"
        for name, value in {**lists, **said}.items()
    )
    return f"python -m loadtests sweep {' '.join(options)}"


# ---- what is shown meanwhile


def _display(console: Console, *, plain: bool) -> Any:
    def make() -> Display:
        if plain:
            return PlainDisplay(console)
        return LiveDisplay(console) if console.is_terminal else Silent()

    return make
