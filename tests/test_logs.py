"""docs/logs.md and the events that it describes: the same names, levels and keys, and examples that
could be lines of today."""

import re
from importlib.util import find_spec
from pathlib import Path

import gevent
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from support.waiting import eventually, running

from django_pgpool import PoolExhausted, options
from django_pgpool.pool import Pool, Reason

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "logs.md").read_text()
EVENTS, _, STATISTICS = PAGE.partition("\n## Events\n")[2].partition("\n## `pool_stats`\n")
TOLD = set(
    re.findall(
        r'_tell,?\(?\s*"(\w+)"',
        "".join(path.read_text() for path in (ROOT / "django_pgpool").rglob("*.py")),
    )
)
"""What the code tells."""


def keys_of(section):
    """Those that its tables name."""
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    return [key for row in rows for key in re.findall(r"`(\w+)`", row)]


COMMON = keys_of(EVENTS.partition("\n### ")[0])
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", EVENTS, re.M | re.S))


@pytest.fixture
def one_of_each(make_alias, events):
    """Of every event but the statistics."""
    alias = make_alias(maxsize=1, cleanup=0.1, held_warning=0.05)
    closed = make_alias()

    def hold():
        alias.wrapper.ensure_connection()
        gevent.sleep(60)

    with running(hold) as (holder,):
        eventually(lambda: "connection_held_too_long" in {event["event"] for event in events})
        before, alias.pool.maxwait = alias.pool.maxwait, 0.05
        with pytest.raises(PoolExhausted):
            alias.ask("SELECT 1")
        alias.pool.maxwait = before
        holder.kill()
    alias.pool.drain()
    alias.pool.resize(2)
    alias.ask("SELECT 1")
    closed.pool.close()
    with pytest.raises(OperationalError):
        make_alias(NAME="no_such_database").ask("SELECT 1")
    eventually(lambda: {event["event"] for event in events} == SECTIONS.keys())
    return {event["event"]: event for event in events}


def test_there_is_a_section_for_every_event_and_no_other():
    assert SECTIONS.keys() == TOLD - {"pool_stats"}


def test_levels_and_keys_are_those_of_the_page(one_of_each):
    for name, event in one_of_each.items():
        section = SECTIONS[name]
        assert section.lstrip().startswith(f"Level {event['level']}."), name
        own = keys_of(section.partition("```")[0])
        assert {*COMMON, *own} == event.keys() - {"level"}, name
        assert "\nTo do: " in section or "| To do |" in section, name


def test_the_examples_have_the_keys_of_their_event(one_of_each):
    for name, event in one_of_each.items():
        example = SECTIONS[name].split("```")[1]
        assert example.startswith(f"\nevent='{name}' alias=")
        found = set(re.findall(r"(?:^| )(\w+)=", example, re.M)) - {"request_id"}
        assert found == event.keys() - {"level"}, name


def test_every_reason_is_explained():
    rows = re.findall(r"^\| `(\w+)` \|", SECTIONS["connection_closed"].split("| Reason |")[1], re.M)
    assert rows == [str(reason) for reason in Reason]


@pytest.fixture
def line(make_alias, events):
    alias = make_alias(maxsize=3, cleanup=0.1, stats_interval=60)
    alias.ask("SELECT 1")
    alias.wrapper.close_pool()  # all that was is in one line
    told = []

    def lines():
        told[:] = [event for event in events if event["event"] == "pool_stats"]
        return told

    eventually(lines)
    return told[0]


def test_the_page_names_every_key_and_no_other(line):
    documented = keys_of(STATISTICS)
    assert len(documented) == len(set(documented))
    assert set(documented) == line.keys() - {"event", "level"}


def test_the_example_is_a_line_of_today(line):
    example = STATISTICS.partition("### An example")[2].split("```")[1]
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
