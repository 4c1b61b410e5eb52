"""The page of a run in a real Chromium, as readers see it: light, dark, narrow, wide, on paper."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from example_comparison import comparison
from example_runs import results

from loadtests.compare.page import html as compared
from loadtests.report import pair
from loadtests.report.page import html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)"),
]
PAGES = {
    "outage": lambda: html(results(outage=True)),
    "stock": lambda: html(results(ours=False)),
    "pair": lambda: pair.html(results(outage=True), results(ours=False, seed=2), ["one", "two"]),
    "comparison": lambda: compared(comparison(names=("steady", "spike"))),
}


@pytest.fixture(scope="module", params=PAGES)
def page(request, tmp_path_factory):
    """What was seen of one of the PAGES."""
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    path.write_text(PAGES[request.param]())
    program = Path(__file__).with_name("browser.py")
    command = [sys.executable, program, CHROMIUM, path]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=100)
    return json.loads(ended.stdout)[request.param]


def test_nothing_is_complained_about_and_nothing_fetched(page):
    assert (page["complaints"], page["requests"]) == ([], [])


@pytest.mark.parametrize("reader", ["light", "dark", "wide", "paper", "narrow"])
def test_every_reader_sees_every_chart(page, reader):
    view = page["readers"][reader]
    assert view["drawn"] == len(view["charts"]) >= 3
    for chart in view["charts"]:
        title, text = chart["names"]
        assert chart["marks"], title
        assert chart["fits"], title
        assert chart["role"] == "img"
        assert text.endswith(".")
    assert not view["scrolls"]
    assert view["unscoped"] == 0


def test_charts_follow_the_width_of_the_window(page):
    light, narrow = (
        [chart["width"] for chart in page["readers"][reader]["charts"]]
        for reader in ("light", "narrow")
    )
    assert all(small < 390 < large for small, large in zip(narrow, light, strict=True))


def test_dark_is_dark_and_paper_is_white(page):
    colours = {name: view["colours"] for name, view in page["readers"].items()}
    assert colours["light"] == ["rgb(28, 32, 38)", "rgb(255, 255, 255)"]
    assert colours["dark"] == ["rgb(228, 231, 235)", "rgb(20, 23, 28)"]
    assert colours["paper"] == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
