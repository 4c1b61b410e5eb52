"""Opens each page of a built site in a headless Chromium, and prints as JSON what readers see.

    python look.py CHROMIUM SITE

A process of its own: Playwright's loop and the gevent of the tests do not go together.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

READERS = [("light", 390), ("dark", 390), ("light", 1400), ("dark", 1400)]
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
MISSING = "[...document.images].filter(image => !image.naturalWidth).map(image => image.src)"


def look(browser: Browser, site: Path, page: Path) -> dict[str, Any]:
    """What one page says to all its readers."""
    complaints: list[str] = []
    requests: list[str] = []
    seen: dict[str, Any] = {"too_wide": []}
    tab = browser.new_page()
    tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    for scheme, width in READERS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tab.goto(page.as_uri())
        scrolls, shows = tab.evaluate(WIDTHS)
        if scrolls > shows:
            seen["too_wide"].append([width, scrolls])
        seen[scheme] = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    seen |= {"images": tab.evaluate("document.images.length"), "missing": tab.evaluate(MISSING)}
    tab.close()
    outside = {url for url in requests if not url.startswith((site.as_uri(), "data:"))}
    return {**seen, "complaints": complaints, "outside": sorted(outside)}


def main() -> None:
    """Print it by the name of the page."""
    chromium, site = sys.argv[1], Path(sys.argv[2])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        print(json.dumps({p.name: look(browser, site, p) for p in sorted(site.glob("*.html"))}))
        browser.close()


if __name__ == "__main__":
    main()
