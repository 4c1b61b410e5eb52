"""The command line: ``python -m tests.django_suite``."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import django
import typer
from rich.console import Console

from loadtests.errors import LoadTestError
from loadtests.interrupts import Interrupts

from .compare import compare, known_differences
from .judge import Judge
from .report import print_verdict
from .servers import Servers, app_of
from .source import tests_of

QUICK = (
    *("backends", "transactions", "transaction_hooks", "select_for_update"),
    *("basic", "queries", "postgres_tests", "test_runner"),
)
"""What CI runs: a minute or two."""
ALL = (
    *QUICK,
    *("db_utils", "bulk_create", "get_or_create", "delete_regress", "aggregation", "annotations"),
    *("expressions", "migrations", "schema", "introspection", "fixtures", "serializers"),
    *("multiple_database", "sessions_tests", "handlers", "requests_tests", "servers"),
    *("test_utils", "async", "admin_views", "gis_tests"),
)
LOGS = Path("reports") / "django-suite"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def command(
    labels: Annotated[
        list[str] | None, typer.Argument(help=f"Tests of Django. Default: {' '.join(ALL)}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"Only {' '.join(QUICK)}.")] = False,
    without_contrib: Annotated[
        bool,
        typer.Option(
            "--without-contrib",
            help="Leave out, rather than fail on, what needs extensions that no server here has.",
        ),
    ] = False,
    logs: Annotated[Path, typer.Option(help="Directory for what the tests print.")] = LOGS,
) -> None:
    """Run Django's own tests under gevent, with django_pgpool and with Django's own engine, and
    print the differences.

    Uses DATABASE_URL's server if that is set, else servers of its own. Exit code 0 if all
    differences are in known.toml, and all that is there is a difference.
    """
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 120  # nothing to fit into
    with Interrupts() as interrupts:
        try:
            judge = _judge(labels or (QUICK if quick else ALL), logs, console)
        except KeyboardInterrupt:
            print("interrupted: there is no verdict", file=sys.stderr)
            raise typer.Exit(128 + (interrupts.signum or 0)) from None
    verdict = compare(judge.stock, judge.pooled, known_differences(django.__version__))
    print_verdict(console, verdict)
    for label, missing in judge.not_run.items():
        console.print(f"NOT RUN: {label}: no server here has {', '.join(sorted(missing))}")
    problems = list(judge.broken)
    if judge.not_run and not without_contrib:
        problems.append(
            "not all was run: install postgresql-contrib and postgresql-postgis, or pass "
            "--without-contrib"
        )
    for problem in problems:
        console.print(f"error: {problem}", style="red", soft_wrap=True)
    if problems or verdict.different or verdict.stale or not verdict.tests:
        console.print(f"what the tests printed: {logs}", soft_wrap=True)
        raise typer.Exit(1)


def _judge(labels: Sequence[str], logs: Path, console: Console) -> Judge:
    version = django.__version__
    console.print(f"Django {version}, Python {platform.python_version()}, under gevent")
    with console.status("the source distribution of Django ..."):
        tests = tests_of(version)
    if unknown := [label for label in labels if not (tests / app_of(label)).is_dir()]:
        raise LoadTestError(f"Django {version} has no tests called {', '.join(unknown)}")
    with Servers() as servers:
        judge = Judge(tests, servers, logs, console)
        for label in dict.fromkeys(labels):
            judge.run(label)
    return judge


def main() -> int:
    """Run the command line; what the user can mend takes one line and exit code 2."""
    try:
        return app(prog_name="python -m tests.django_suite", standalone_mode=False) or 0
    except typer.TyperException as error:
        message = error.format_message().rstrip(".")
        print(f"error: {message}; see python -m tests.django_suite --help", file=sys.stderr)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
    return 2
