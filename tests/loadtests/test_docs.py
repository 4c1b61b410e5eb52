"""The page about the load tests names the scenarios and parameters there are."""

from __future__ import annotations

import re
from pathlib import Path

from loadtests.options import SHARED
from loadtests.scenarios import SCENARIOS

PAGE = (Path(__file__).parents[2] / "docs" / "loadtests.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \|.*\| (.*) \|$", re.MULTILINE)


def test_every_scenario_with_its_own_parameters():
    described = {name: re.findall(r"--(\w+)", options) for name, options in ROW.findall(PAGE)}
    assert described == {
        name: [parameter.name for parameter in kind.parameters()]
        for name, kind in SCENARIOS.items()
    }


def test_every_shared_option():
    for parameter in SHARED:
        assert f"`--{parameter.name}" in PAGE
