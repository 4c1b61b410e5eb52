"""Meets the operator's page in a headless Chromium as its readers do, and prints as JSON what they
see and can do.

    python browser.py CHROMIUM URL [--pictures DIRECTORY]

A process of its own: Playwright's loop and the gevent of the tests do not go together.
"""

from __future__ import annotations

import argparse
import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

READERS = [(scheme, width) for scheme in ("light", "dark") for width in (390, 1400)]
LOOK = """() => ({
  scrolls: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  background: getComputedStyle(document.body).backgroundColor,
  held: document.querySelectorAll("pre").length,
  drawn: [...document.querySelectorAll("svg path")]
    .filter(path => path.getBBox().height > 0).length,
})"""
FOCUS = """() => {
  const at = document.activeElement;
  return at === document.body ? null : at.id || at.name || at.textContent.trim();
}"""
STOPS = 50
"""More than there are from the top of the page to its end."""


class Visit:
    """Somebody who has logged in; what his browser complains of and asks for is noted."""

    def __init__(self, browser: Browser, url: str, user: str, **how: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.tab = browser.new_context(**how).new_page()
        self.tab.goto(f"{url}/login/?next=/query/")
        self.tab.fill("[name=username]", user)
        self.tab.fill("[name=password]", user)
        self.tab.press("[name=password]", "Enter")
        self.tab.wait_for_url("**/query/")
        self.tab.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(f"{url}/pgpool/")

    def walk(self) -> list[str]:
        """Where the Tab key leads to, from the top of the page on."""
        self.tab.reload()
        stops: list[str] = []
        for _ in range(STOPS):
            self.tab.keyboard.press("Tab")
            at = self.tab.evaluate(FOCUS)
            if at is None or at in stops:
                break
            stops.append(at)
        return stops


def asked(address: str) -> threading.Thread:
    """A request of somebody else, under way."""
    request = threading.Thread(target=lambda: urllib.request.urlopen(address).read(), daemon=True)
    request.start()
    return request


def looks(visit: Visit, url: str, pictures: Path | None) -> dict[str, Any]:
    """How the page looks to each reader, and what axe has against it, in a busy hour."""
    tab, seen = visit.tab, {}
    others = [asked(f"{url}/held/{number}") for number in (1, 2, 3)]
    tab.get_by_text("GET /held/3").wait_for(timeout=30_000)
    for scheme, width in READERS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
        tab.goto(f"{url}/pgpool/?stacks")
        found = Axe().run(tab).response["violations"]
        seen[f"{scheme} {width}"] = {
            **tab.evaluate(LOOK),
            "axe": [f"{one['id']}: {one['nodes'][0]['html']}" for one in found],
        }
        if pictures:
            tab.screenshot(path=pictures / f"page-{scheme}-{width}.png", full_page=True)
    urllib.request.urlopen(f"{url}/release/").read()
    for other in others:
        other.join()
    return seen


def lives(visit: Visit, url: str) -> dict[str, Any]:
    """Whether a request of somebody else appears by itself, and nothing moves after Pause."""
    tab = visit.tab
    tab.goto(f"{url}/pgpool/")
    tab.evaluate("window.stayed = true")
    other = asked(f"{url}/held/5")
    tab.get_by_text("GET /held/5").wait_for(timeout=30_000)
    tab.focus("#pause")
    tab.keyboard.press("Enter")
    paused = tab.get_attribute("#pause", "aria-pressed"), tab.text_content("#live")
    urllib.request.urlopen(f"{url}/release/").read()
    other.join()
    tab.wait_for_timeout(4_000)  # in which a page that is live would have looked again
    still = tab.get_by_text("GET /held/5").count()
    tab.keyboard.press("Space")
    tab.get_by_text("GET /held/5").wait_for(state="detached", timeout=30_000)
    return {"paused": paused, "still": still, "stayed": tab.evaluate("window.stayed === true")}


def acts(tab: Page) -> list[Any]:
    """Drain and resize with the keyboard alone."""
    done = []
    for name, typed in (("Drain default", None), ("Resize default", "7")):
        if typed:
            tab.get_by_label("maxsize").focus()
            tab.keyboard.press("Control+A")
            tab.keyboard.type(typed)
        tab.get_by_role("button", name=name).focus()
        with tab.expect_navigation(url="**/pgpool/?done=*"):  # from the same address, perhaps
            tab.keyboard.press("Enter")
        done.append(tab.text_content(".done"))
    return [*done, tab.input_value("[name=maxsize]")]


def main() -> None:
    """All of it, in the order in which it does not get into its own way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("chromium")
    parser.add_argument("url")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        root = Visit(browser, given.url, "root")
        plain = Visit(browser, given.url, "looker", java_script_enabled=False)
        told = {
            "lives": lives(root, given.url),
            "looks": looks(root, given.url, given.pictures),
            "stops": root.walk(),
            "acts": acts(root.tab),
            "plain": plain.tab.inner_text("body"),
            "complaints": root.complaints + plain.complaints,
            "requests": sorted(set(root.requests + plain.requests)),
        }
        browser.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
