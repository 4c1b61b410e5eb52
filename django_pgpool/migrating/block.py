"""The new DATABASES as text. No password is in it, nor what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..redaction import HIDDEN, redacted
from .convert import Entry
from .source import NO_SOURCE, UNKNOWN, Value

_SECRET = frozenset({"PASSWORD", "password", "passfile", "sslpassword", "sslkey"})
_LOOKS_SECRET = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
_INDENT = "    "
_UNCHANGED = "unchanged: put yours here"
_NOT_READ = "not read, as it is computed: --run shows what it comes to"


def block(databases: Mapping[str, Entry | Value]) -> str:
    """Python source: what is an Entry is new, what is a Value is as it was."""
    lines = ["DATABASES = {"]
    for alias, entry in databases.items():
        if isinstance(entry, Entry):
            lines += _entry(alias, entry)
        else:
            lines += _item(alias, entry, _NOT_READ if _is_unclear(entry) else "as it was", 1)
    lines.append("}")
    return "\n".join(map(_without_secrets, lines))


def _is_unclear(entry: Value) -> bool:
    """Whether it may be for another pool, for all that can be read of it."""
    engine = (entry.items or {}).get("ENGINE")
    return entry.is_computed if engine is None else engine.known is UNKNOWN


def _without_secrets(line: str) -> str:
    shown = redacted(line, {})
    return shown if shown == line else f"{shown}  # put yours in the place of {HIDDEN}"


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
    elif depth == 1:  # an entry of DATABASES
        yield f"{indent}{_quoted(key)}: ...,{remark}"
    elif key in _SECRET or value.text == NO_SOURCE or _LOOKS_SECRET.search(value.text):
        yield f"{indent}{_quoted(key)}: ...,  # {_UNCHANGED}"
    else:
        yield f"{indent}{_quoted(key)}: {_written(value)},{remark}"


def _written(value: Value) -> str:
    is_literal = isinstance(value.known, str) and value.text == repr(value.known)
    return _quoted(value.known) if is_literal else value.text


def _quoted(text: str) -> str:
    return repr(text) if {'"', "\\"} & set(text) or not text.isprintable() else f'"{text}"'
