"""The built site, as readers see it: it needs nothing from outside, and fits a phone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documents import DOCS, ROOT

pytestmark = pytest.mark.long

LOOKS = Path(__file__).with_name("look.py")


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """As ``make docs`` does it."""
    (recipe,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if "sphinx" in line)
    options = recipe.split("sphinx")[1].split("docs build/docs")[0].split()
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, source, site],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    done = build(DOCS, directory)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def seen(site) -> dict[str, Any]:
    """What each reader sees of each page."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    done = subprocess.run(
        [sys.executable, LOOKS, chromium, site], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(240)
def test_every_page_is_looked_at(seen):
    pages = {f"{page.stem}.html" for page in DOCS.glob("*.md")}
    assert pages | {"search.html", "genindex.html"} == set(seen)


def test_the_console_is_silent(seen):
    assert {page: look["complaints"] for page, look in seen.items() if look["complaints"]} == {}


def test_nothing_is_fetched_from_outside(seen):
    assert {page: look["outside"] for page, look in seen.items() if look["outside"]} == {}


def test_no_page_scrolls_sideways(seen):
    wide = {page: look["too_wide"] for page, look in seen.items() if look["too_wide"]}
    assert wide == {}


def test_images_are_there(seen):
    assert not any(look["missing"] for look in seen.values())
    assert seen["how-it-works.html"]["images"] == 2


def test_dark_is_dark(seen):
    for look in seen.values():
        assert look["light"] != look["dark"]


DEAD = [
    "[x](no-such-page.md)",
    "[x](settings.md#no-such-option)",
    "[x](monitoring/no-such-file.json)",
    "[x](#nowhere)",
    "![x](diagrams/no-such-picture.svg)",
]
DEAD_IN_README = ["[x](docs/no-page.md)", "[x](docs/settings.md#no-setting)", "[x](NO_FILE.md)"]


def test_dead_links_fail_the_build(tmp_path):
    """The texts at the top are read, too."""
    source = tmp_path / "project" / "docs"
    shutil.copytree(DOCS, source)
    for name in ("README.md", "CHANGELOG.md", "SECURITY.md"):
        shutil.copy(ROOT / name, source.parent)
    for page, links in ((source / "faq.md", DEAD), (source.parent / "README.md", DEAD_IN_README)):
        page.write_text("\n\n".join([page.read_text(), *links]))
    done = build(source, tmp_path / "site")
    assert done.returncode != 0
    for link in DEAD + DEAD_IN_README:
        target = link.split("(")[1].rstrip(")").rpartition("#")[2].removeprefix("docs/")
        assert target in done.stderr, link
