"""docs/settings.md and the options that it describes: the same names, defaults and bounds."""

from __future__ import annotations

import re
from ast import literal_eval
from dataclasses import fields

import pytest
from documents import DOCS, ROOT

from django_pgpool.drivers.chosen import is_libpq_parameter
from django_pgpool.options import PoolOptions, examine
from django_pgpool.page.meanings import NOT_SECONDS

BESIDE = {"pool", "CONN_MAX_AGE", "CONN_HEALTH_CHECKS"}
PAGE = (DOCS / "settings.md").read_text()
SECTIONS = {
    name: text.split("\n## ")[0]
    for name, text in re.findall(
        r"^### `(\w+)`\n\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
}
OPTIONS = {field.name: field.default for field in fields(PoolOptions)}


def facts(name: str) -> str:
    """The first paragraph: default, unit and bounds."""
    return SECTIONS[name].split("\n\n")[0].replace("\n", " ")


def accepts(name: str, value: object) -> bool:
    settings = {"CONN_MAX_AGE": 0, "OPTIONS": {name: value}}
    return not examine("default", settings, is_libpq_parameter)[1]


def test_every_option_and_no_other():
    assert set(SECTIONS) == BESIDE | set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_default(name):
    match = re.match(r"Default: `([^`]+)`", facts(name))
    assert match
    assert literal_eval(match[1]) == OPTIONS[name]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_unit(name):
    assert ("econds" in facts(name)) == (name not in NOT_SECONDS)
    assert ("whole number" in facts(name)) == (name in NOT_SECONDS and name != "reset")


@pytest.mark.parametrize("name", OPTIONS)
def test_whether_it_may_be_none(name):
    assert accepts(name, None) == ("`None`" in facts(name))


@pytest.mark.parametrize("name", sorted(set(OPTIONS) - {"reset"}))
def test_the_least_value(name):
    if match := re.search(r"at least ([\d.]+)\b(?!\.\d)", facts(name)):
        least = literal_eval(match[1].rstrip("."))
        assert accepts(name, least)
        assert not accepts(name, least - (1 if isinstance(least, int) else 0.01))
    else:
        assert "reater than 0" in facts(name)
        assert accepts(name, 0.001)
        assert not accepts(name, 0)


def test_the_choices_of_reset():
    choices = re.findall(r'`"(\w+)"`', facts("reset"))
    assert set(choices) == {"auto", "always", "never"}
    assert all(accepts("reset", choice) for choice in choices)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_says_when_to_change_it_and_what_goes_wrong(name):
    assert "**When to change it**" in SECTIONS[name]
    assert "**What goes wrong**" in SECTIONS[name]


def test_the_table_in_the_readme():
    rows = re.findall(
        r"^\| `(\w+)` \| `([^`|]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    shown = {name: literal_eval(default) for name, default in rows if name in OPTIONS}
    main = ("maxsize", "maxwait", "expires", "cleanup")
    assert shown == {name: OPTIONS[name] for name in main}
