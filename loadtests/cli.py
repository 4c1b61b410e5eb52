"""The command line: ``python -m loadtests``."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from . import database
from .display import Display, LiveDisplay, PlainDisplay
from .errors import LoadTestError, SiteFailed
from .interrupts import Interrupts
from .report import Report, print_summary
from .report.cli import report as remake
from .results import results
from .run import execute
from .scenarios import SCENARIOS, PoolSettings, Scenario, day, describe

DEFAULT = "day"
app = typer.Typer(
    help="Load tests of django_pgpool on a real site under gunicorn and gevent.",
    epilog=f"Without a command: {DEFAULT}.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_scenarios() -> None:
    """The scenarios there are."""
    for name, make in SCENARIOS.items():
        print(f"{name:<12} {describe(make)}")


app.command("report")(remake)


@app.command("day")
def run_day(
    context: typer.Context,
    maxsize: Annotated[int, typer.Option(min=1, max=500, help="OPTIONS maxsize.")] = 8,
    maxwait: Annotated[
        float, typer.Option(min=0.001, max=3600, help="OPTIONS maxwait, seconds.")
    ] = 10.0,
    expires: Annotated[
        float, typer.Option(min=0.1, max=86400, help="OPTIONS expires, seconds.")
    ] = 20.0,
    cleanup: Annotated[
        float, typer.Option(min=0.1, max=86400, help="OPTIONS cleanup, seconds.")
    ] = 3.0,
    rate: Annotated[
        float, typer.Option(min=1, max=100_000, help="Requests per second at the peak.")
    ] = 200.0,
    hold: Annotated[
        float,
        typer.Option(min=0, max=60, help="Seconds for which a report keeps its connection busy."),
    ] = 0.075,
    seed: Annotated[int, typer.Option(help="The same seed gives the same requests.")] = 1,
    scale: Annotated[
        float,
        typer.Option(min=0.05, max=1000, help="Length of the day; expires and cleanup follow."),
    ] = 1.0,
    reports: Annotated[Path, typer.Option(help="Directory for the report.")] = Path("reports"),
    plain: Annotated[bool, typer.Option("--plain", help="A line per second, no table.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before using DATABASE_URL.")] = (
        False
    ),
) -> None:
    """Quiet, morning ramp, peak, evening, night: a day in about a minute.

    Runs on a PostgreSQL of its own, or on the server of DATABASE_URL if that is set.
    """
    pool = PoolSettings(maxsize, maxwait, expires, cleanup)
    scenario = day(rate=rate, hold=hold, pool=pool, seed=seed, scale=scale)
    _run(scenario, _command(context), Report(reports, scenario.name), plain=plain, yes=yes)


def _run(scenario: Scenario, command: str, report: Report, *, plain: bool, yes: bool) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = 120  # nothing to fit into
    with Interrupts() as interrupts:
        try:
            report.prepare()
            place = _database(scenario, yes=yes)
            with _display(console, plain=plain) as display:
                run = execute(scenario, place, display, interrupts)
        except KeyboardInterrupt:
            print("interrupted before the load began: there is no report", file=sys.stderr)
            raise typer.Exit(_code(interrupts)) from None
        interrupts.postpone()
        data = results(run, command)
        print_summary(console, data)
        path = report.write(data)
        console.print(f"report: {path}", markup=False, highlight=False, soft_wrap=True)
    if interrupts.signum:
        raise typer.Exit(_code(interrupts))
    if run.failure:
        _complain(f"{run.failure}\n{run.log}".rstrip())
        raise typer.Exit(1)


def _code(interrupts: Interrupts) -> int:
    """What a shell reports of a program that a signal has ended."""
    return 128 + (interrupts.signum or 0)


def _database(scenario: Scenario, *, yes: bool) -> AbstractContextManager[database.Database]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        return database.embedded(scenario.pool.maxsize)
    where = database.describe(url)
    print(f"DATABASE_URL: {where}. A schema is created there, and removed at the end.")
    if not yes:
        if not sys.stdin.isatty():
            raise LoadTestError("nobody to ask whether DATABASE_URL may be used: pass --yes")
        if not typer.confirm("Run the load test on this server?"):
            raise LoadTestError("not run; unset DATABASE_URL to use an embedded server")
    return database.own_schema(url)


def _display(console: Console, *, plain: bool) -> Display:
    return PlainDisplay(console) if plain or not console.is_terminal else LiveDisplay(console)


def _command(context: typer.Context) -> str:
    """The command that repeats the run; without paths and confirmations, which are local."""
    params: dict[str, Any] = dict(context.params)
    options = (
        f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"
        for name, value in params.items()
        if name not in ("reports", "plain", "yes")
    )
    return f"python -m loadtests {context.info_name} {' '.join(options)}"


def main() -> int:
    """Run the command line; what the user can mend takes one line and exit code 2."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        arguments.insert(0, DEFAULT)
    try:
        return app(arguments, "python -m loadtests", standalone_mode=False) or 0
    except typer.TyperException as error:
        _complain(f"{error.format_message().rstrip('.')}; see python -m loadtests --help")
    except SiteFailed as error:
        _complain(f"{error}\n{error.log}")
        return 1
    except LoadTestError as error:
        _complain(str(error))
    except typer.Abort:  # Ctrl-C or the end of the input instead of an answer
        return 130
    return 2


def _complain(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
