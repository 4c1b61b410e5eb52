"""From the words of the command line to scenarios, and back to the command."""

from __future__ import annotations

import pytest
import typer

from loadtests.compare.arguments import repeat, scenarios
from loadtests.errors import LoadTestError
from loadtests.scenarios import Common, PoolSettings

COMMON = Common(PoolSettings(8, 10.0, 20.0, 3.0), seed=5)


def test_settings_go_to_those_scenarios_that_have_them():
    steady, spike = scenarios(
        "steady, spike", COMMON, ["--rate", "300", "--burst=50", "--hold", "0.01"]
    )
    assert (steady.name, spike.name) == ("steady", "spike")
    assert (steady.parameters["rate"], steady.parameters["hold"]) == (300.0, 0.01)
    assert (spike.parameters["burst"], spike.parameters["hold"]) == (50, 0.01)
    assert steady.common.seed == 5


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        ("nonsense", [], "--scenario nonsense: there is no such scenario, only steady, spike, "),
        ("outage", [], "--scenario outage: it stops the server"),
        ("spike", ["--rate", "3"], "--rate: neither compare nor spike has it, only --burst, "),
        ("spike", ["--rate"], "--rate: neither compare nor spike has it, only --burst, "),
    ],
)
def test_what_is_wrong_is_told_by_option_and_value(names, settings, said):
    with pytest.raises(LoadTestError) as caught:
        scenarios(names, COMMON, settings)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--burst"], "--burst"), (["--burst", "many"], "integer"), (["--burst", "0"], "equal to 1")],
)
def test_wrong_values_are_told_as_in_the_scenarios_own_command(arguments, said):
    with pytest.raises(typer.TyperException) as caught:
        scenarios("steady,spike", COMMON, arguments)
    assert said in caught.value.format_message()


def test_the_command_repeats_what_matters_elsewhere():
    values = {
        "scenario": "spike",
        "engines": None,
        "rounds": 3,
        "scale": 0.3,
        "reports": "/somewhere",
        "markdown_file": "/somewhere.md",
        "yes": True,
    }
    assert repeat("compare", values, ["--burst", "50"]) == (
        "compare --scenario spike --rounds 3 --scale 0.3 --burst 50"
    )
