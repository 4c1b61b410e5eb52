"""The operator's page in a real Chromium: light and dark, narrow and wide, by keyboard, without
JavaScript, with axe's look at its accessibility."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MAXSIZE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)"),
]


@pytest.fixture(scope="module")
def met(site):
    """What was seen and done there."""
    program = Path(__file__).with_name("browser.py")
    command = [sys.executable, program, CHROMIUM, site.url]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=200)
    return json.loads(ended.stdout)


def test_nothing_is_refused_by_the_policy_or_comes_from_elsewhere(met, site):
    assert met["complaints"] == []
    assert [url for url in met["requests"] if not url.startswith(f"{site.url}/pgpool/")] == []
    assert f"{site.url}/pgpool/assets/page.css" in {
        url.partition("?")[0] for url in met["requests"]
    }


def test_it_fits_and_is_drawn_for_every_reader(met):
    assert len(met["looks"]) == 4
    for reader, seen in met["looks"].items():
        assert not seen["scrolls"], reader
        assert seen["drawn"] >= 1, reader
        assert seen["held"] == 3, reader
    assert met["looks"]["light 390"]["background"] != met["looks"]["dark 390"]["background"]


def test_axe_finds_nothing(met):
    assert {reader: seen["axe"] for reader, seen in met["looks"].items() if seen["axe"]} == {}


def test_it_is_live_until_it_is_paused(met):
    assert met["lives"] == {"paused": ["true", "paused"], "still": 1, "stayed": True}


def test_everything_can_be_reached_and_done_with_the_keyboard(met):
    stops = met["stops"]
    assert stops[0] == "Skip to the pools"
    assert [stop for stop in stops if stop in ("pause", "Drain default", "Resize default")] == [
        "pause",
        "Drain default",
        "Resize default",
    ]
    assert met["acts"] == ["Drained.", "Resized.", "7"]


def test_without_javascript_it_says_the_same(met):
    assert f"of {MAXSIZE} connections in use" in met["plain"]
    assert "Reload now or every" in met["plain"]
    assert "Pause" not in met["plain"]
