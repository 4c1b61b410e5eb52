"""``python -m django_pgpool.migrating settings.py``: DATABASES of another pool, for this one."""

from __future__ import annotations

import argparse
import ast
import importlib
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

from ..redaction import redacted
from . import code
from .block import block
from .convert import Entry, converted, predecessor_of
from .predecessor import Predecessor
from .predecessors import DB_POOLING, PREDECESSORS
from .source import NoDatabases, Settings, Value, ran, read

EPILOG = """\
Known are: {names}.
Neither Django nor the other pool has to be installed. Passwords are not printed. Exit code 0: there
it is; 1: no entry of DATABASES is for a pool that is known; 2: wrong usage, or a file cannot be
read. What every option became, and what behaves differently: docs/migrating.md."""


class Failed(Exception):
    """Says why, for the user."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        path = _file(given.settings)
        tree = _parsed(path)
        settings = ran(_run(given.settings)) if given.run else read(tree)
        others = dict(_code(given.code))
    except NoDatabases as error:
        return _failed(f"{path}: {error}.")
    except Failed as error:
        return _failed(str(error))
    files = {path: tree, **others}
    databases = _databases(settings, files)
    entries = [entry for entry in databases.values() if isinstance(entry, Entry)]
    if not entries:
        _tell(
            f"{path}: no entry of DATABASES is for a pool that is known. Where the pool is set up "
            "in code (django_db_pooling), name that file, too; where DATABASES is put together by "
            "code, use --run."
        )
        return 1
    sys.stdout.write(f"{block(databases)}\n")
    known = [one for one in PREDECESSORS if any(entry.came_from is one for entry in entries)]
    for line in (*_further(settings, known), *_in_code(files, known)):
        sys.stdout.write(f"# {redacted(line, {})}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m django_pgpool.migrating",
        description="Prints the DATABASES of a site that uses another connection pool as they are "
        "for django_pgpool, with comments on what changed, and where its code uses the other pool.",
        epilog=EPILOG.format(names=", ".join(known.name for known in PREDECESSORS)),
    )
    parser.add_argument("settings", help="the file with DATABASES, or its module: shop.settings")
    parser.add_argument(
        "code",
        nargs="*",
        default=[],
        type=Path,
        help="further files, or directories, to look for calls in: gunicorn.conf.py, wsgi.py, .",
    )
    parser.add_argument(
        "--run",
        action="store_true",
        help="run the settings instead of reading them, for DATABASES that code puts together",
    )
    return parser


def _databases(settings: Settings, files: dict[Path, ast.Module]) -> dict[str, Entry | Value]:
    patched = any(code.imports(tree, DB_POOLING) for tree in files.values())
    call = next(filter(None, map(code.pool_size, files.values())), {}) if patched else {}
    databases: dict[str, Entry | Value] = {}
    for alias, entry in settings.databases.items():
        known = predecessor_of(entry, patched=patched)
        databases[alias] = entry if known is None else converted(entry, known, settings, call)
    return databases


def _further(settings: Settings, known: list[Predecessor]) -> Iterator[str]:
    if settings.changed_at is not None:
        yield f"Line {settings.changed_at} changes DATABASES: --run shows what it comes to."
    for one in known:
        for old in one.settings:
            if old.name in settings.others:
                yield f"Remove the setting {old.name}."
    yield "Then: python manage.py check --database default"


def _in_code(files: dict[Path, ast.Module], known: list[Predecessor]) -> Iterator[str]:
    for path, tree in files.items():
        for one in known:
            for found in code.uses(tree, one):
                yield f"{path}:{found.line}: {found.what}: {found.instead}"


def _file(settings: str) -> Path:
    module = settings.replace(".", "/")
    candidates = [Path(settings), Path(f"{module}.py"), Path(module) / "__init__.py"]
    for path in candidates:
        if path.is_file():
            return path
    raise Failed(f"There is no file {settings}, and no {candidates[1]} here.")


def _code(paths: list[Path]) -> Iterator[tuple[Path, ast.Module]]:
    """In a directory, what is no Python (a template, an old script) is passed over, and told."""
    for path in paths:
        if not path.is_dir():
            yield path, _parsed(path)
            continue
        for found in sorted(path.rglob("*.py")):
            inner = found.relative_to(path).parts
            if any(part.startswith(".") or part == "site-packages" for part in inner):
                continue
            try:
                yield found, _parsed(found)
            except Failed as error:
                _tell(f"passed over: {error}")


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        raise Failed(f"{path} is no Python that this version can read: {error}.") from error


def _run(settings: str) -> dict[str, object]:
    sys.path.insert(0, str(Path.cwd()))
    try:
        if Path(settings).is_file():
            return runpy.run_path(settings)
        return dict(vars(importlib.import_module(settings)))
    except (Exception, SystemExit) as error:
        said = redacted(f"{type(error).__name__}: {error}", {})
        if "relative import" in said:
            said += ". Name it as a module, as in DJANGO_SETTINGS_MODULE."
        raise Failed(f"{settings} cannot be run: {said}") from error


def _failed(said: str) -> int:
    _tell(f"error: {said}")
    return 2


def _tell(said: str) -> None:
    sys.stderr.write(f"{said}\n")


if __name__ == "__main__":
    sys.exit(main())
