"""Running a command line: what the user can mend takes one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from .errors import LoadTestError


def run(app: typer.Typer, program: str, arguments: Sequence[str]) -> int:
    """The exit code of ``app`` with these arguments; 2, or the error's own, where it fails."""
    try:
        return app(arguments, program, standalone_mode=False) or 0
    except typer.TyperException as error:
        _complain(f"{error.format_message().rstrip('.')}; see {program} --help")
    except LoadTestError as error:
        _complain(f"{error}\n{error.log}".rstrip())
        return error.code
    except typer.Abort:  # Ctrl-C or the end of the input instead of an answer
        return 130
    return 2


def _complain(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
