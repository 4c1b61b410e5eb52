"""Running the command line as a user does, in a place where anything left behind is seen."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from loadtests.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def short_tmp(monkeypatch):
    """An empty directory for everybody's temporary files; its path is short enough for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="lt-"))
    monkeypatch.setenv("TMPDIR", str(directory))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def loadtests(short_tmp, tmp_path):
    """Starts ``python -m loadtests`` with these arguments; the report goes to ``tmp_path``."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}

    def start(*arguments, url=None):
        return subprocess.Popen(
            [sys.executable, "-m", "loadtests", *arguments],
            cwd=ROOT,
            env={**environment, **({"DATABASE_URL": url} if url else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def command_line(monkeypatch, capsys):
    """Runs the command line in this process; returns exit code, output, errors."""

    def run(*arguments, url=None):
        monkeypatch.setattr("sys.argv", ["loadtests", *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO())
        monkeypatch.delenv("DATABASE_URL", raising=False)
        if url:
            monkeypatch.setenv("DATABASE_URL", url)
        return main(), *capsys.readouterr()

    return run
