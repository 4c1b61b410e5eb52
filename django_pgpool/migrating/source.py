"""What stands in a file of settings, read and not run; or what it comes to, when it was run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN: Any = object()


@dataclass(frozen=True, slots=True)
class Value:
    """One value: as Python source, and what it is where that can be told without running it."""

    text: str
    known: Any = UNKNOWN
    items: Mapping[str, Value] | None = None
    """Of a dictionary whose keys are strings. ``**name`` stands there as a key without value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a file of settings tells of databases and pools."""

    databases: Mapping[str, Value]
    others: Mapping[str, Value]
    """All settings that are assigned at the top of the module."""
    changed_at: int | None = None
    """The line that goes on to change DATABASES, which only running it would show."""


class NoDatabases(Exception):
    """There is no DATABASES in it that can be read. Says why, and what to do."""


def read(tree: ast.Module) -> Settings:
    """Raises NoDatabases."""
    others = {name: of_node(node) for name, node in _assigned(tree)}
    if "DATABASES" not in others:
        raise NoDatabases("it assigns no DATABASES (name the file that does, or use --run)")
    databases = others.pop("DATABASES")
    if databases.items is None:
        raise NoDatabases("its DATABASES is no plain dictionary (--run shows what it comes to)")
    return Settings(databases.items, others, _changed_at(tree))


def ran(settings: Mapping[str, Any]) -> Settings:
    """Of settings that were run. Raises NoDatabases."""
    databases = settings.get("DATABASES")
    if not isinstance(databases, Mapping):
        raise NoDatabases("it has no DATABASES")
    others = {name: of_object(value) for name, value in settings.items() if name.isupper()}
    return Settings({str(alias): of_object(entry) for alias, entry in databases.items()}, others)


def of_object(value: Any) -> Value:
    items = None
    if isinstance(value, Mapping):
        items = {str(key): of_object(inner) for key, inner in value.items()}
    return Value(repr(value), value, items)


def of_node(node: ast.expr) -> Value:
    text = ast.unparse(node)
    items = None
    if isinstance(node, ast.Dict):
        items = dict(_pairs(node))
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dict" and not node.args:
        items = {word.arg or _spread(word.value): of_node(word.value) for word in node.keywords}
    try:
        return Value(text, ast.literal_eval(node), items)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return Value(text, UNKNOWN, items)


def _pairs(node: ast.Dict) -> Iterator[tuple[str, Value]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            yield _spread(value), Value("")
        elif isinstance(key, ast.Constant):
            yield str(key.value), of_node(value)
        else:
            yield ast.unparse(key), of_node(value)


def _spread(node: ast.expr) -> str:
    return f"**{ast.unparse(node)}"


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value
        elif (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value is not None
        ):
            yield statement.target.id, statement.value


def _changed_at(tree: ast.Module) -> int | None:
    """``DATABASES["default"]["HOST"] = ...``, ``DATABASES["default"].update(...)``."""
    for node in ast.walk(tree):
        target: ast.expr | None = None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, ast.AugAssign):
            target = node.target
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("update", "setdefault", "pop")
        ):
            target = node.func
        if isinstance(target, (ast.Subscript, ast.Attribute)):
            while isinstance(target, (ast.Subscript, ast.Attribute)):
                target = target.value
            if isinstance(target, ast.Name) and target.id == "DATABASES":
                return int(node.lineno)  # type: ignore[attr-defined]  # statements and calls have one
    return None
