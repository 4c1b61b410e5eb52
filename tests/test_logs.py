"""docs/logs.md and the line that it describes: the same keys, and an example that is one."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from support.waiting import eventually

from django_pgpool import options
from django_pgpool.pool import Pool

PAGE = (Path(__file__).parent.parent / "docs" / "logs.md").read_text()


@pytest.fixture
def line(make_alias, events):
    alias = make_alias(maxsize=3, cleanup=0.1, stats_interval=0.1)
    alias.ask("SELECT 1")
    told = []

    def lines():
        told[:] = [event for event in events if event["event"] == "pool_stats"]
        return told

    eventually(lines)
    return told[0]


def test_the_page_names_every_key_and_no_other(line):
    rows = re.findall(r"^\| (`.*?) \|", PAGE, flags=re.MULTILINE)
    documented = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    assert len(documented) == len(set(documented))
    assert set(documented) == line.keys() - {"event", "level"}


def test_the_example_is_a_line_of_today(line):
    example = PAGE.partition("## An example")[2].split("```")[1]
    assert set(re.findall(r"(\w+)=", example)) == line.keys() - {"level"}


def test_a_line_tells_of_real_connections(line):
    assert (line["level"], line["maxsize"], line["cleanup"]) == ("info", 3, 0.1)
    assert (line["acquires"], line["openings"], line["in_use_max"]) == (1, 1, 1)
    assert 0 < line["open_max"] <= line["wait_max"]
    assert 0 < line["use_max"] < line["interval"]
    assert 0 < line["use_seconds"] <= line["connection_seconds"] <= line["interval"]


def test_without_the_option_the_pool_is_the_plain_one(alias):
    assert type(alias.pool) is Pool


def test_a_missing_package_is_named_with_what_installs_it(make_alias, monkeypatch):
    monkeypatch.setattr(
        options, "find_spec", lambda name: None if name == "hdrh" else find_spec(name)
    )
    alias = make_alias(stats_interval=60)
    with pytest.raises(ImproperlyConfigured) as caught:
        alias.ask("SELECT 1")
    assert str(caught.value) == (
        f"DATABASES[{alias.name!r}]['OPTIONS']['stats_interval'] needs the package hdrhistogram: "
        "pip install 'django_pgpool[stats]', or remove the option."
    )
