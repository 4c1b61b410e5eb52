"""The README promises the versions that CI tests, and the tests know which server they run on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
from documents import ROOT
from support.server import VERSION_VARIABLE

VERSIONS = ROOT / ".ci" / "versions"


def ask(*arguments: str) -> str:
    command = [sys.executable, VERSIONS, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_the_table_in_the_readme_is_that_of_the_matrix():
    assert ask("table") in (ROOT / "README.md").read_text(), "run .ci/versions --write"


def test_every_python_and_django_that_the_package_claims_is_in_the_matrix():
    """But for Python 3.14, which not every machine has."""
    lines = [line.split() for line in (ROOT / ".ci" / "matrix").read_text().splitlines()]
    rows = [line for line in lines if line and not line[0].startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    claimed = " ".join(project["classifiers"])
    assert {row[0] for row in rows} == set(re.findall(r"Python :: (3\.\d+)", claimed)) - {"3.14"}
    assert {row[1] for row in rows} == {"lowest", *re.findall(r"Django :: (\d\.\d)", claimed)}


def test_the_lowest_versions_are_the_bounds_of_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = ask("lowest").split()
    assert len(pins) == len(project["dependencies"])
    for pin, bound in zip(pins, project["dependencies"], strict=True):
        assert bound.split(",")[0] == pin.replace("==", ">=")


def test_the_server_is_of_the_version_that_was_asked_for(server):
    if not server.embedded:
        pytest.skip("DATABASE_URL's server is of any version")
    ((number,),) = server.execute("SHOW server_version_num")
    assert int(number) // 10000 == int(os.environ.get(VERSION_VARIABLE, "18"))
