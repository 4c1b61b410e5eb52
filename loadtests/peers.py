"""Environments of their own for the engines and pools we compare with, removed at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from .throwaway import ThrowAwayDirectory

ALWAYS = ("Django", "gevent", "greenlet", "gunicorn", "packaging")
"""packaging: gunicorn needs it for gevent."""
SHARED = (*ALWAYS, "hdrhistogram", "psycogreen", "psycopg2-binary")
"""What a peer uses in the version that is installed here, if it uses it."""
BENEATH = ("SQLAlchemy", "psycopg-pool")
"""What the peers' pools really are."""
_VERSIONS = """
import sys
from importlib.metadata import distributions
for found in distributions():
    if found.name in sys.argv:
        print(found.name, found.version)
"""
PATIENCE = 300.0
"""Seconds that an installation may take."""
PIP = ("--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "15")


class NotInstalled(Exception):
    """A peer could not be installed. The message says nothing about this machine."""


@contextmanager
def environment(requirements: tuple[str, ...]) -> Iterator[Path]:
    """The Python of a new virtual environment with ``requirements``. Raises NotInstalled."""
    directory = ThrowAwayDirectory("python", Path(sys.executable).name)
    try:
        python = directory.path / "bin" / "python"
        scratch = directory.path / "tmp"  # a pip that is killed leaves files there
        scratch.mkdir()
        _run(scratch, sys.executable, "-m", "venv", "--without-pip", str(directory.path))
        # By the pip of this environment: a new one would take as long as the rest.
        install = ("-m", "pip", "--python", str(python), "install", *PIP)
        _run(scratch, sys.executable, *install, *pinned(requirements))
        yield python
    finally:
        directory.remove()  # and ends what still runs there


class Environments:
    """Those of a run, for the length of a ``with`` block: one for each set of requirements."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._found: dict[tuple[str, ...], Path | NotInstalled] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def python(self, requirements: tuple[str, ...]) -> Path:
        """That of the environment with ``requirements``. Raises NotInstalled, each time."""
        if requirements not in self._found:
            try:
                self._found[requirements] = self._stack.enter_context(environment(requirements))
            except NotInstalled as error:
                self._found[requirements] = error
        found = self._found[requirements]
        if isinstance(found, NotInstalled):
            raise found
        return found


def pinned(requirements: tuple[str, ...]) -> list[str]:
    """``requirements`` with Django, gevent and the driver as they are here."""
    names = dict.fromkeys([*requirements, *ALWAYS])
    return [
        f"{name}=={_version(name)}" if name in SHARED and _version(name) else name for name in names
    ]


def installed(python: Path, requirements: tuple[str, ...]) -> dict[str, str]:
    """Versions of ``requirements``, and of what they are made of, in the environment of ``python``,
    by name."""
    names = [requirement.partition("[")[0] for requirement in requirements]
    command: list[str | Path] = [python, "-c", _VERSIONS, *names, *BENEATH]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _run(scratch: Path, *command: str) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "TMPDIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=PATIENCE,
            start_new_session=True,  # Ctrl-C is for the parent
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"not installed within {PATIENCE:.0f} s") from None
    if done.returncode != 0:
        raise NotInstalled(reason(done.stderr))


def reason(text: str) -> str:
    """Why pip failed, in its words if they name no path and no host."""
    errors = [line.removeprefix("ERROR: ") for line in text.splitlines() if line[:6] == "ERROR:"]
    plain = [line for line in errors if "/" not in line]
    return f"pip: {plain[-1]}" if plain else "pip could not install it"
