"""Sphinx makes a site of docs/: ``make docs``. Nothing is fetched, by it or by a browser."""

from pathlib import Path

from sphinx.application import Sphinx

import django_pgpool

ROOT = Path(__file__).parents[1]

project = "django_pgpool"
author = "django_pgpool contributors"
project_copyright = author
release = version = django_pgpool.__version__

extensions = ["myst_parser"]
exclude_patterns = ["monitoring"]
nitpicky = True
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # "…" among keys; tests read the code

html_theme = "furo"
html_title = f"django_pgpool {release}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

AT_THE_TOP = {
    "changelog": "CHANGELOG.md",
    "readme": "README.md",
    "security-policy": "SECURITY.md",
}
"""Pages that are texts from the top of the project."""


def bring_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Read those; and links to them, which are right in the repository, stay within the site."""
    text = source[0]
    if page in AT_THE_TOP:
        text = (ROOT / AT_THE_TOP[page]).read_text().replace("](docs/", "](")
        for name in AT_THE_TOP.values():
            text = text.replace(f"]({name}", f"](../{name}")
    for instead, name in AT_THE_TOP.items():
        text = text.replace(f"](../{name}", f"]({instead}.md")
    source[0] = text


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", bring_in)
