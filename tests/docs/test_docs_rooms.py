"""The map of rooms in docs/contributing.md names every module there is, and no other."""

from __future__ import annotations

import re

from documents import DOCS, ROOT

PACKAGE = ROOT / "django_pgpool"
PAGE = (DOCS / "contributing.md").read_text()


def test_the_map_of_rooms():
    drawn = set()
    for heading, section in re.findall(
        r"^### (`django_pgpool/[^\n]*)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL
    ):
        rooms = re.findall(r"`([\w/]+/)`", heading)
        for cell in re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE):
            for module in re.findall(r"`([\w.]+)`", cell):
                drawn.add(_path(rooms, module.replace(".", "/") + ".py"))
    present = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if path.parent == PACKAGE or path.name != "__init__.py"
    }
    assert drawn == present


def _path(rooms: list[str], module: str) -> str:
    """In the room of the heading where there is such a module, else in the first."""
    full = [
        room if room.startswith("django_pgpool/") else f"django_pgpool/{room}" for room in rooms
    ]
    found = [room + module for room in full if (ROOT / room / module).exists()]
    return (found or [full[0] + module])[0]
