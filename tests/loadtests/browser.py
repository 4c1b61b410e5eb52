"""Opens pages in a headless Chromium, and prints as JSON what readers see of them.

    python browser.py CHROMIUM PAGE... [--pictures DIRECTORY]

A process of its own: Playwright's loop and the gevent of the tests do not go together.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, Page, sync_playwright

READERS: dict[str, dict[str, Any]] = {
    "light": {"scheme": "light", "width": 1280},
    "dark": {"scheme": "dark", "width": 1280},
    "wide": {"scheme": "dark", "width": 2560},
    "paper": {"scheme": "dark", "width": 1280, "media": "print"},
    "narrow": {"scheme": "light", "width": 390},
}
DATA = ", ".join(
    f".mark-{mark}.role-mark path:not([fill=currentColor], [opacity='0'])"
    for mark in ("line", "area", "rect")
)
LOOK = """DATA => ({
  drawn: Number(document.body.dataset.drawn),
  charts: [...document.querySelectorAll(".chart")].map(chart => ({
    role: chart.getAttribute("role"),
    names: chart.getAttribute("aria-labelledby").split(" ")
      .map(id => document.getElementById(id).textContent),
    marks: [...chart.querySelectorAll(DATA)]
      .filter(mark => mark.getBBox().width + mark.getBBox().height > 0).length,
    fits: chart.querySelector("svg")?.getBoundingClientRect().right <=
      chart.getBoundingClientRect().right + 1,
    width: chart.querySelector("svg")?.getBoundingClientRect().width,
  })),
  scrolls: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  unscoped: document.querySelectorAll("th:not([scope])").length,
  colours: ["color", "backgroundColor"].map(name => getComputedStyle(document.body)[name]),
})"""


def look(browser: Browser, path: Path, pictures: Path | None) -> dict[str, Any]:
    """What each reader sees of a page, what the console says, and what it wants from outside."""
    complaints: list[str] = []
    requests: list[str] = []

    def opened() -> Page:
        tab = browser.new_page(viewport={"width": READERS[reader]["width"], "height": 900})
        tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(path.as_uri())
        try:
            tab.wait_for_function("document.body.dataset.drawn", polling=50)
        except Error:
            complaints.append("the charts are not drawn")
        return tab

    tab, seen = None, {}
    for reader, how in READERS.items():
        if tab is None or reader == "narrow":  # the others get it by resizing
            if tab:
                tab.close()
            tab = opened()
        tab.set_viewport_size({"width": how["width"], "height": 900})
        tab.emulate_media(color_scheme=how["scheme"], media=how.get("media", "screen"))
        seen[reader] = tab.evaluate(LOOK, DATA)
        if pictures:
            tab.screenshot(path=pictures / f"{path.stem}-{reader}.png", full_page=True)
            tab.pdf(path=pictures / f"{path.stem}.pdf", format="A4")
    tab.close()
    outside = [url for url in requests if url != path.as_uri() and not url.startswith("data:")]
    return {"readers": seen, "complaints": complaints, "requests": outside}


def main() -> None:
    """Print it by the name of the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("chromium")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        print(json.dumps({page.stem: look(browser, page, given.pictures) for page in given.pages}))
        browser.close()


if __name__ == "__main__":
    main()
