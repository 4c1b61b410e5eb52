"""From the words of the command line to scenarios, and back to the command."""

from __future__ import annotations

import pytest

from loadtests.compare.arguments import repeat, scenarios
from loadtests.errors import LoadTestError
from loadtests.scenarios import Common, PoolSettings

COMMON = Common(PoolSettings(8, 10.0, 20.0, 3.0), seed=5)


def test_settings_go_to_those_scenarios_that_have_them():
    steady, spike = scenarios("steady, spike", COMMON, ["rate=300", "burst=50", "hold=0.01"])
    assert (steady.name, spike.name) == ("steady", "spike")
    assert (steady.parameters["rate"], steady.parameters["hold"]) == (300.0, 0.01)
    assert (spike.parameters["burst"], spike.parameters["hold"]) == (50, 0.01)
    assert steady.common.seed == 5


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        ("nonsense", [], "--scenario nonsense: there is no such scenario, only steady, spike, "),
        ("outage", [], "--scenario outage: it stops the server"),
        ("spike", ["rate=3"], "--set rate=3: spike has no parameter 'rate', only burst, "),
        ("spike", ["burst"], "--set burst: must be of the form name=value"),
        ("spike", ["burst=many"], "--set burst=many: 'many' is not a number"),
    ],
)
def test_what_is_wrong_is_told_by_option_and_value(names, settings, said):
    with pytest.raises(LoadTestError) as caught:
        scenarios(names, COMMON, settings)
    assert said in str(caught.value)


def test_the_command_repeats_what_matters_elsewhere():
    values = {
        "scenario": "spike",
        "settings": ["burst=50", "hold=0.01"],
        "engines": None,
        "rounds": 3,
        "scale": 0.3,
        "reports": "/somewhere",
        "markdown_file": "/somewhere.md",
        "yes": True,
    }
    assert repeat("compare", values) == (
        "compare --scenario spike --set burst=50 --set hold=0.01 --rounds 3 --scale 0.3"
    )
