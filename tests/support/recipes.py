"""The code of docs/recipes.md: the tests run it as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
_BLOCK = re.compile(r"^```\w+\n(?:#|--) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SETTINGS = """
from settings import *
ROOT_URLCONF = "recipe_urls"
ALLOWED_HOSTS = ["*"]
"""
URLS = """
import json, os
from django.db import connection
from django.http import HttpResponse
from django.urls import path
VERSION = 1

def pids(request):
    seconds = request.GET.get("seconds", "0.02")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid() FROM pg_sleep(%s)", [float(seconds)])
        return HttpResponse(json.dumps([os.getpid(), cursor.fetchone()[0], VERSION]))

urlpatterns = [path("pids", pids)]
"""


def sections() -> dict[str, str]:
    """Text by heading."""
    return dict(re.findall(r"^## (.*)\n((?s:.*?))(?=^## |\Z)", PAGE, re.MULTILINE))


def block(heading: str, name: str) -> str:
    """The code under a heading that calls itself so in its first line."""
    (code,) = (code for file, code in _BLOCK.findall(sections()[heading]) if file == name)
    return code


def names() -> list[tuple[str, str]]:
    """Heading and name of each block."""
    return [(head, file) for head, text in sections().items() for file, _ in _BLOCK.findall(text)]


def load(heading: str, name: str) -> Any:
    """That code as a module of its own, which nobody else can import."""
    module = ModuleType(f"recipe_{name.removesuffix('.py')}")
    exec(compile(block(heading, name), name, "exec"), vars(module))
    return module


def write_site(directory: Path) -> None:
    """A project that answers with the pids of its process and its session."""
    directory.mkdir(exist_ok=True)
    (directory / "recipe_settings.py").write_text(SETTINGS)
    (directory / "recipe_urls.py").write_text(URLS)
