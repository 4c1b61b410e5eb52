"""Bad input takes one clear line, exit code 2, and leaves nothing behind."""

from __future__ import annotations

import pytest

BAD = {
    "unknown scenario": (["nigth"], None, "'nigth'"),
    "not a number": (["day", "--maxsize", "many"], None, "--maxsize"),
    "no such option": (["--max-size", "3"], None, "--max-size"),
    "no directory": (["--reports", "/dev/null/reports"], None, "--reports"),
    "not PostgreSQL": (["--yes"], "mysql://u:secret@h/n", "DATABASE_URL"),
    "unreachable": (["--yes"], "postgresql://u:secret@127.0.0.1:1/n", "DATABASE_URL"),
    "nobody to ask": ([], "postgresql://u:secret@127.0.0.1:1/n", "--yes"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(loadtests, short_tmp, case):
    arguments, url, expected = BAD[case]
    process = loadtests(*arguments, url=url)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert "secret" not in out + err
    assert list(short_tmp.iterdir()) == []


def test_the_list_names_the_scenarios(loadtests):
    out, _ = loadtests("list").communicate(timeout=20)
    assert out.startswith("day ")
