"""The new DATABASES as text. No password is in it, nor what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..redaction import redacted
from .convert import Entry
from .source import Value

_SECRET = frozenset({"PASSWORD", "password", "passfile", "sslpassword", "sslkey"})
_LOOKS_SECRET = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
_INDENT = "    "
_UNCHANGED = "unchanged: put yours here"


def block(databases: Mapping[str, Entry | Value]) -> str:
    """Python source: what is an Entry is new, what is a Value is as it was."""
    lines = ["DATABASES = {"]
    for alias, entry in databases.items():
        if isinstance(entry, Entry):
            lines += _entry(alias, entry)
        else:
            lines += _item(alias, entry, "as it was", 1)
    lines.append("}")
    return "\n".join(redacted(line, {}) for line in lines)


def _entry(alias: str, entry: Entry) -> Iterator[str]:
    yield f'{_INDENT}"{alias}": {{  # was {entry.came_from.name}'
    for key, (value, comment) in entry.values.items():
        yield from _item(key, value, comment, 2)
    yield f'{_INDENT * 2}"OPTIONS": {{'
    for key, (value, comment) in entry.options.items():
        yield from _item(key, value, comment, 3)
    for note in entry.notes:
        yield f"{_INDENT * 3}# {note}"
    yield f"{_INDENT * 2}}},"
    yield f"{_INDENT}}},"


def _item(key: str, value: Value, comment: str, depth: int) -> Iterator[str]:
    indent, remark = _INDENT * depth, f"  # {comment}" if comment else ""
    if key.startswith("**"):
        yield f"{indent}{key},{remark}"
    elif value.items is not None and key not in _SECRET:
        yield f"{indent}{_quoted(key)}: {{{remark}"
        for name, inner in value.items.items():
            yield from _item(name, inner, "", depth + 1)
        yield f"{indent}}},"
    elif depth == 1 or key in _SECRET or _LOOKS_SECRET.search(value.text):
        yield f"{indent}{_quoted(key)}: ...,  # {_UNCHANGED}"
    else:
        yield f"{indent}{_quoted(key)}: {_written(value)},{remark}"


def _written(value: Value) -> str:
    return _quoted(value.known) if isinstance(value.known, str) else value.text


def _quoted(text: str) -> str:
    return repr(text) if {'"', "\\"} & set(text) or not text.isprintable() else f'"{text}"'
