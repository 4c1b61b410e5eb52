"""What is known of the processes that will use the pools: how many, and what ends their requests.

Known is what stands in the environment or in gunicorn's configuration file. That is read, not run:
it may patch this process, or do whatever else is only fit for gunicorn's master.
"""

from __future__ import annotations

import argparse
import ast
import os
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

ARGUMENTS = "GUNICORN_CMD_ARGS"
CONCURRENCY = "WEB_CONCURRENCY"
_FILE = "gunicorn.conf.py"
_SYNC = ("sync", "gunicorn.workers.sync.SyncWorker")
_LIMIT = 30
"""gunicorn's default for both time-outs."""


@dataclass(frozen=True, slots=True)
class Known:
    """A value and where it was found."""

    value: Any
    source: str


def workers(option: int | None) -> Known:
    """How many processes use a pool: ``option`` is OPTIONS['workers']. One where nobody says."""
    if option is not None:
        return Known(option, "OPTIONS['workers']")
    found = gunicorn().get("workers")
    if found is not None and _is_whole(found.value):
        return found
    said = os.environ.get(CONCURRENCY, "").strip()
    if said.isdecimal() and int(said) > 0:
        return Known(int(said), CONCURRENCY)
    return Known(1, "")


def request_limit() -> tuple[str, Known] | None:
    """The name of gunicorn's setting that ends a request which still waits, and its seconds; None
    where there is none, or nobody knows.

    ``timeout`` is about requests with the worker class sync only. The others, gevent's among them,
    are alive while a request waits; theirs end with ``graceful_timeout``, when a worker is
    replaced.
    """
    found = gunicorn()
    kind = found.get("worker_class")
    if kind is None:
        name, limit = "timeout", found.get("timeout")
    else:
        name = "timeout" if str(kind.value) in _SYNC else "graceful_timeout"
        limit = found.get(name, Known(_LIMIT, "gunicorn's default"))
    return (name, limit) if limit is not None and _is_whole(limit.value) else None


def gunicorn() -> dict[str, Known]:
    """The settings of gunicorn that were found, by name; its defaults are not among them."""
    if find_spec("gunicorn") is None:
        return {}
    arguments = _arguments()
    path = arguments.pop("config", Known(_FILE, "")).value
    return {**_file(Path(path)), **arguments}


def _arguments() -> dict[str, Known]:
    given = os.environ.get(ARGUMENTS)
    if not given:
        return {}
    from gunicorn.config import Config

    # gunicorn says by itself what it does not understand.
    with suppress(SystemExit, ValueError), redirect_stderr(StringIO()):
        parser: argparse.ArgumentParser = Config().parser()
        parsed = vars(parser.parse_args(shlex.split(given)))
        return {
            name: Known(_number(value), ARGUMENTS)
            for name, value in parsed.items()
            if value is not None
        }
    return {}


def _file(path: Path) -> dict[str, Known]:
    try:
        tree = ast.parse(path.read_text())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {name: Known(value, path.name) for name, value in _literals(tree)}


def _literals(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """What is assigned at the top of a module and needs no computing."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            with suppress(ValueError):
                value = ast.literal_eval(statement.value)
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        yield target.id, value


def _number(value: Any) -> Any:
    """gunicorn's parser leaves numbers as they were written."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
