"""What README and docs tell readers to write works: Python runs, settings are valid, commands
exist."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from django.core.management import get_commands, load_command_class
from documents import PAGES, ROOT, Block, blocks
from gunicorn.config import Config
from support.processes import TESTS, run_python

from loadtests.cli import app

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))
EXTRAS = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
)
OURS = {"pgpool": "django_pgpool"}
"""Commands of ours, which the project of the tests has not installed."""


@pytest.fixture(scope="module")
def wrong() -> dict[str, str]:
    """What went wrong in which block of Python."""
    code = f"import runpy, sys; sys.path.insert(0, {str(TESTS / 'docs')!r})\n"
    code += f"runpy.run_path({str(TESTS / 'docs' / 'run_blocks.py')!r}, run_name='__main__')"
    found: dict[str, str] = json.loads(run_python(code).ok())
    return found


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python(block: Block, wrong: dict[str, str]) -> None:
    assert str(block) not in wrong, wrong[str(block)]


@pytest.mark.parametrize("block", blocks("shell"), ids=str)
def test_commands(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words and block.run:
            CHECKS.get(words[0], any_command)(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_that_are_mentioned(page):
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= TARGETS


def test_every_language_is_looked_at():
    """A block in a language that nothing here knows would pass unread."""
    assert {block.page for block in blocks("python")} > {"README.md", "quickstart.md"}
    for name in ("py", "Python", "shell-session"):
        assert not blocks(name)


# ---- whether there are such commands


def make(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    for variable in given:
        assert re.search(rf"\$\({variable}\b|^{variable} \?=", MAKEFILE, re.MULTILINE), variable
    targets = [word for word in words if "=" not in word]
    assert set(targets) <= TARGETS
    if targets == ["loadtest"]:
        loadtests([given.get("SCENARIO", "day"), *shlex.split(given.get("ARGS", ""))])


def loadtests(words: list[str]) -> None:
    """Raises where the command does not know an argument, or a value is out of range."""
    name, *arguments = words
    for argument in arguments:
        if argument.endswith((".json", ".log")):
            Path(argument).touch()  # files that it is to read
    typer.main.get_command(app).commands[name].make_context(name, arguments)


def python(words: list[str]) -> None:
    match words:
        case ["-m", "django_pgpool", *arguments]:
            parses("pgpool", arguments)
        case ["-m", "loadtests", *arguments]:
            loadtests([word for word in arguments if word != "--help"])
        case ["-m", module, *_]:
            assert find_spec(module)
        case ["manage.py", command, *arguments]:
            parses(command, arguments)
        case _:
            pytest.fail(f"python {words}: a module, or manage.py?")


def parses(command: str, arguments: list[str]) -> None:
    home = {**get_commands(), **OURS}[command]
    parser = load_command_class(home, command).create_parser("manage.py", command)
    parser.parse_args(arguments)  # SystemExit where it does not know them


def pip(words: list[str]) -> None:
    assert words[0] == "install"
    for word in words[1:]:
        if match := re.match(r"(?:django_pgpool|\.)\[([\w,]+)\]", word):
            assert set(match[1].split(",")) <= EXTRAS


def gunicorn(words: list[str]) -> None:
    Config().parser().parse_args(words)


def any_command(words: list[str]) -> None:
    """Of others, or a line that goes on: nothing is known of it here."""


CHECKS = {"make": make, "python": python, "pip": pip, "gunicorn": gunicorn}
