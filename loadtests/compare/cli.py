"""The command ``python -m loadtests compare``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import database
from ..bench import files
from ..bench.progress import Bar
from ..errors import LoadTestError, SiteFailed
from ..interrupts import Interrupts
from ..options import Fronts, common
from ..permission import permitted_url
from ..pgbouncer import find_pgbouncer
from ..report import Report
from ..terminal import say, terminal
from .arguments import repeat, scenarios
from .contestants import chosen
from .data import data as data_of
from .page import html
from .part import Part
from .series import Series
from .show import WIDTH, markdown, show

ROOM = 485
"""Connections of the embedded server: for those engines, too, that have no limit of their own."""


def compare(
    context: typer.Context,
    scenario: Annotated[
        str, typer.Option(metavar="NAMES", help="Which, with commas; the command list names them.")
    ] = "steady,spike",
    engines: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Only these, with commas.", show_default=False),
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Not these; pgbouncer: none that needs it.", show_default=False
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Of each scenario.")] = 3,
    scale: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Length; expires and cleanup follow.")
    ] = 0.3,
    maxsize: Annotated[int, typer.Option(min=1, max=200, help="Connections of each pool.")] = 20,
    maxwait: Annotated[
        float, typer.Option(min=0.001, max=3600, help="Seconds to wait for one.")
    ] = 10.0,
    expires: Annotated[
        float, typer.Option(min=0.1, max=86400, help="Seconds that one lives.")
    ] = 60.0,
    cleanup: Annotated[
        float, typer.Option(min=0.1, max=86400, help="Seconds that one may be idle.")
    ] = 5.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same requests.")] = 1,
    reports: Annotated[Path, typer.Option(help="Directory for the report.")] = Path("reports"),
    markdown_file: files.AsMarkdown = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before using DATABASE_URL.")] = (
        False
    ),
) -> None:
    """The same load on django_pgpool and on what a site would choose instead.

    That is Django's own engine, its pool for psycopg 3, django-db-geventpool,
    django-db-connection-pool, and PgBouncer. Each runs in a process of its own, set up as its
    documentation says, all with the same limits as far as they have them; those that need other
    packages in an environment of their own, which pip makes and which is removed at the end. The
    rounds take turns.

    Runs on a PostgreSQL of its own, or on the server of DATABASE_URL if that is set, which needs
    room for the connections of engines without a limit.
    """
    load = common(maxsize, maxwait, expires, cleanup, Fronts.GREENLETS, 1, seed, scale)
    there = chosen(load.pool, engines, without)
    if any(one.bouncer is not None for one in there):
        find_pgbouncer()
    parts = [Part(made, there) for made in scenarios(scenario, load, context.args)]
    report = Report(reports, "compare")
    report.prepare()
    outputs = files.outputs(None, str, markdown_file, markdown)
    url = permitted_url(yes=yes)
    place = database.own_schema(url) if url else database.embedded(ROOM, timezone="UTC")
    command = repeat("python -m loadtests compare", context.params, context.args)
    with Interrupts() as interrupts:
        found, log = _measured(parts, rounds, place, interrupts, command)
        console = terminal(WIDTH)
        try:
            path = report.write(found, html)
            for file, make in outputs.items():
                files.write(file, make(found))
        finally:
            show(console, found)
        say(console, f"report: {path}")
    if interrupts.signum:
        raise typer.Exit(128 + interrupts.signum)
    if found["failure"]:
        raise SiteFailed(found["failure"], log)


def _measured(
    parts: Sequence[Part],
    rounds: int,
    place: AbstractContextManager[database.Database],
    interrupts: Interrupts,
    command: str,
) -> tuple[dict[str, Any], str]:
    """The data of the comparison, also where it was cut off; where it failed, the log of what did.

    Raises LoadTestError where that was before a run was complete.
    """
    began = datetime.now(UTC)
    versions: dict[str, str] = {}
    failure, log = None, ""
    try:
        with Bar(rounds * sum(len(part.contestants) for part in parts)) as bar:
            bar.tell("starting PostgreSQL")
            with place as where:
                Series(parts, where, rounds, bar, interrupts, versions).run()
                interrupts.postpone()  # what is left to do is short
    except KeyboardInterrupt:
        interrupts.postpone()
        if not any(part.complete for part in parts):
            print("interrupted before a run was complete: there is no report", file=sys.stderr)
            raise typer.Exit(128 + (interrupts.signum or 2)) from None
    except LoadTestError as error:
        interrupts.postpone()
        if not any(part.complete for part in parts):
            raise
        failure, log = str(error), error.log
    cut = interrupts.signum is not None
    data = data_of(parts, rounds, versions, began, command, interrupted=cut, failure=failure)
    return data, log
