"""The command line: ``python -m loadtests``."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager

import typer
from rich.console import Console

from . import database
from .advice.cli import advise
from .command_line import run as run_command_line
from .compare.cli import compare
from .display import Display, LiveDisplay, PlainDisplay
from .errors import LoadTestError, SiteFailed
from .interrupts import Interrupts
from .options import EPILOG, PASSES_ON, Output, command
from .permission import permitted_url
from .report import Report, print_summary
from .report.cli import report as remake
from .results import results
from .run import execute
from .scenarios import SCENARIOS, Scenario
from .sweep.cli import sweep
from .terminal import say, terminal

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
    for name, kind in SCENARIOS.items():
        print(f"{name:<12} {kind.description}")


app.command("report")(remake)
app.command("advise")(advise)
app.command("compare", context_settings=PASSES_ON, epilog=EPILOG)(compare)
app.command("sweep", context_settings=PASSES_ON, epilog=EPILOG)(sweep)


def _run(scenario: Scenario, command: str, output: Output) -> None:
    console = terminal()
    report = Report(output.reports, scenario.name)
    with Interrupts() as interrupts:
        try:
            report.prepare()
            place = _database(scenario, yes=output.yes)
            with _display(console, plain=output.plain) as display:
                run = execute(scenario, place, display, interrupts)
        except KeyboardInterrupt:
            print("interrupted before the load began: there is no report", file=sys.stderr)
            raise typer.Exit(_code(interrupts)) from None
        interrupts.postpone()
        data = results(run, command)
        try:
            path = report.write(data)  # first: nobody may read the output any more
        finally:
            print_summary(console, data)
        say(console, f"report: {path}")
    if interrupts.signum:
        raise typer.Exit(_code(interrupts))
    if run.failure:
        raise SiteFailed(run.failure, run.log)


for _kind in SCENARIOS.values():
    app.command(_kind.name)(command(_kind, _run))


def _code(interrupts: Interrupts) -> int:
    """What a shell reports of a program that a signal has ended."""
    return 128 + (interrupts.signum or 0)


def _database(scenario: Scenario, *, yes: bool) -> AbstractContextManager[database.Database]:
    """Raises LoadTestError where the scenario does not go with DATABASE_URL, or nobody agrees."""
    servers = scenario.plan.servers
    if servers != "any" and os.environ.get("DATABASE_URL"):
        raise LoadTestError(
            f"{scenario.name} stops the server, so it never runs on yours: unset DATABASE_URL to "
            "use an embedded one"
        )
    url = permitted_url(yes=yes)
    if url is None:
        make = database.with_standby if servers == "standby" else database.embedded
        return make(scenario.common.limit)
    return database.own_schema(url)


def _display(console: Console, *, plain: bool) -> Display:
    return PlainDisplay(console) if plain or not console.is_terminal else LiveDisplay(console)


def main() -> int:
    """Run the command line; what the user can mend takes one line and exit code 2."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        arguments.insert(0, DEFAULT)
    return run_command_line(app, "python -m loadtests", arguments)
