"""README and docs as a Markdown parser sees them: their blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md")))

NOT_RUN = re.compile(r"<!-- not run: \S.* -->\s*")
"""Above a block: it is not run, and why."""
RUN_ELSEWHERE = {"databases.md", "integrations.md", "migrating.md", "pgbouncer.md", "recipes.md"}
"""Their Python needs processes, servers and packages of its own; tests of what they tell run it.
Here it is compiled, and its settings are evaluated."""


class Block(NamedTuple):
    page: str
    line: int
    language: str
    """Of an indented block: ``shell`` where it begins with a command, else nothing."""
    text: str
    run: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


COMMANDS = {"celery", "curl", "git", "gunicorn", "make", "pip", "promtool", "python"}


@cache
def blocks(language: str) -> tuple[Block, ...]:
    """All blocks in this language."""
    return tuple(block for page in PAGES for block in _blocks(page) if block.language == language)


def _blocks(page: Path) -> Iterator[Block]:
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    before: Token | None = None
    for token in tokens:
        if token.type in ("fence", "code_block"):
            assert token.map is not None
            run = before is None or not NOT_RUN.fullmatch(before.content)
            yield Block(page.name, token.map[0] + 1, _language(token), token.content, run)
        before = token


def _language(token: Token) -> str:
    if token.type == "fence":
        name = token.info.split(maxsplit=1)[0] if token.info else ""
        return "shell" if name in ("sh", "bash", "console") else name
    return "shell" if token.content.split(maxsplit=1)[0] in COMMANDS else ""
