"""Bad input takes one clear line, exit code 2, and leaves nothing behind."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from example_runs import results

from loadtests.options import SHARED
from loadtests.scenarios import SCENARIOS
from loadtests.start import start

BAD = {
    "unknown scenario": (["nigth"], None, "'nigth'"),
    "not a number": (["day", "--maxsize", "many"], None, "--maxsize"),
    "no such option": (["--max-size", "3"], None, "--max-size"),
    "no directory": (["--reports", "/dev/null/reports"], None, "--reports"),
    "not PostgreSQL": (["--yes"], "mysql://u:secret@h/n", "DATABASE_URL"),
    "unreachable": (["--yes"], "postgresql://u:secret@127.0.0.1:1/n", "DATABASE_URL"),
    "nobody to ask": ([], "postgresql://u:secret@127.0.0.1:1/n", "--yes"),
    "not to be stopped": (["outage", "--yes"], "postgresql://u:secret@h/n", "unset DATABASE_URL"),
    "no standby there": (["failover", "--yes"], "postgresql://u:secret@h/n", "unset DATABASE_URL"),
    "too many workers": (["--front", "greenlets", "--workers", "2"], None, "--workers"),
    "no such front": (["day", "--front", "smoke"], None, "--front"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(command_line, case):
    arguments, url, expected = BAD[case]
    code, out, err = command_line(*arguments, url=url)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert "secret" not in out + err


@pytest.mark.parametrize("command_line", ["loadtests.cli", "loadtests.bench.cli"])
def test_a_missing_package_is_named(monkeypatch, capsys, command_line):
    monkeypatch.delitem(sys.modules, command_line, raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as ended:
        start(command_line)
    assert ended.value.code == 2
    assert "the Python package typer is missing: pip install" in capsys.readouterr().err


def test_the_list_names_the_scenarios(command_line):
    code, out, _ = command_line("list")
    names = [line.split()[0] for line in out.splitlines()]
    assert (code, names) == (0, list(SCENARIOS))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_explains_its_own_and_the_shared_options(command_line, name):
    code, out, _ = command_line(name, "--help")
    assert code == 0
    assert SCENARIOS[name].description in " ".join(out.split())
    for option in [*SCENARIOS[name].parameters(), *SHARED]:
        assert f"--{option.name} " in out


def test_a_report_that_cannot_be_written_costs_no_more_than_the_report(
    command_line, monkeypatch, tmp_path
):
    reports = tmp_path / "reports"

    def execute(*arguments):
        reports.touch()  # where the directory was to be
        return SimpleNamespace(failure=None)

    monkeypatch.setattr("loadtests.cli.execute", execute)
    monkeypatch.setattr("loadtests.cli.results", lambda *arguments: results())
    code, out, err = command_line("steady", "--reports", str(reports))
    assert code == 2
    assert "requests completed" in out
    assert err.startswith(f"error: no report can be written to {reports}: ")
    assert err.count("\n") == 1
