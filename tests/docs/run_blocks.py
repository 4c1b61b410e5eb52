"""Runs the Python of README and docs, page by page, and prints as JSON what went wrong where.

A process of its own: what is shown there patches, registers and configures.
"""

from __future__ import annotations

import doctest
import io
import json
import logging.config
import os
import re
import sys
import textwrap
import traceback
from typing import Any

from gevent import monkey

monkey.patch_all()

import django  # noqa: E402  patching comes first
from django.conf import settings  # noqa: E402

settings.INSTALLED_APPS += ["django.contrib.contenttypes", "django.contrib.auth"]
django.setup()

from documents import RUN_ELSEWHERE, Block, blocks  # noqa: E402

from django_pgpool.drivers.chosen import is_libpq_parameter  # noqa: E402
from django_pgpool.options import examine  # noqa: E402

os.environ["DATABASE_URL"] = "postgres://shop:secret@db/shop"  # the reader's own, too
STAND_INS: dict[str, Any] = {"handle": str, "message": "an order"}
"""Names that are the reader's own."""


ELISION = re.compile(r",\s*…(?=\s*[,)}\]])")
"""Among keys or arguments: the reader's own."""


def run(block: Block, names: dict[str, Any]) -> None:
    """Raises what is wrong with it."""
    text = ELISION.sub("", textwrap.dedent(block.text))
    if text.startswith('"'):  # a part of a dictionary
        check_settings({"default": {"ENGINE": "django_pgpool", **eval(f"{{{text}}}")}})
        return
    if text.startswith(">>> "):
        examples = doctest.DocTestParser().get_examples(text)
        text = "".join(example.source for example in examples)
    code = compile(text, str(block), "exec")
    if block.page in RUN_ELSEWHERE and "DATABASES" not in text:
        return
    names.pop("DATABASES", None)
    exec(code, names)
    check_settings(names.get("DATABASES", {}))
    if "LOGGING" in names:
        logging.config.dictConfig(names.pop("LOGGING"))


def check_settings(databases: dict[str, dict[str, Any]]) -> None:
    """Those that are for another engine are shown as what to replace."""
    for alias, entry in databases.items():
        if entry.get("ENGINE", "").startswith("django_pgpool"):
            _, problems = examine(alias, entry, is_libpq_parameter)
            assert not problems, [str(problem) for problem in problems]


def main() -> None:
    """Blocks of one page share their names."""
    wrong, pages = {}, {}
    answer, sys.stdout = sys.stdout, io.StringIO()
    for block in blocks("python"):
        names = pages.setdefault(block.page, {"__name__": "page", **STAND_INS})
        if block.run:
            try:
                run(block, names)
            except Exception:
                wrong[str(block)] = traceback.format_exc(limit=-2)
    json.dump(wrong, answer)


if __name__ == "__main__":
    main()
