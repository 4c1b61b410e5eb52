"""What stands in a file of settings, read and not run; or what it comes to, when it was run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN: Any = object()
NO_SOURCE = "..."
"""In the place of a value that cannot be written as source."""
_CHANGING = ("update", "setdefault", "pop", "popitem", "clear")
_READ_AS_LITERAL = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)


@dataclass(frozen=True, slots=True)
class Value:
    """One value: as Python source, and what it is where that can be told without running it."""

    text: str
    known: Any = UNKNOWN
    items: Mapping[str, Value] | None = None
    """Of a dictionary whose keys are strings. ``**name`` stands there as a key without value."""

    @property
    def is_computed(self) -> bool:
        """Whether there may be more in it than can be read."""
        if self.items is None:
            return self.known is UNKNOWN
        return any(key.startswith("**") for key in self.items)


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
    bound = _bound(tree)
    others: dict[str, Value] = {}
    constants: dict[str, Value] = {}
    for name, node in _assigned(tree):
        others[name] = of_node(node, constants)
        if len(bound[name]) == 1:
            constants[name] = others[name]
    if "DATABASES" not in others:
        raise NoDatabases(
            "it assigns no DATABASES at its top level (name the file that does, or use --run)"
        )
    databases = others.pop("DATABASES")
    if databases.items is None:
        raise NoDatabases("its DATABASES is no plain dictionary (--run shows what it comes to)")
    return Settings(databases.items, others, next(iter(bound["DATABASES"][1:]), None))


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
    text = repr(value)
    try:
        ast.literal_eval(text)
    except _READ_AS_LITERAL:
        text = NO_SOURCE
    return Value(text, value, items)


def of_node(node: ast.expr, constants: Mapping[str, Value]) -> Value:
    """``constants``: what is bound once and never changed, by name."""
    text = ast.unparse(node)
    found: Value | None = None
    if isinstance(node, ast.Name):
        found = constants.get(node.id)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        found = (of_node(node.value, constants).items or {}).get(str(node.slice.value))
    if found is not None:
        return Value(text, found.known, found.items)
    items = _items(node, constants)
    try:
        return Value(text, ast.literal_eval(node), items)
    except _READ_AS_LITERAL:
        return Value(text, UNKNOWN, items)


def _items(node: ast.expr, constants: Mapping[str, Value]) -> dict[str, Value] | None:
    """Of ``{...}``, ``dict(...)`` and ``a | b``; None where it is none of them."""
    merged: list[ast.expr] = []
    pairs: Iterable[tuple[str | None, ast.expr]] = ()
    if isinstance(node, ast.Dict):
        pairs = zip(map(_key, node.keys), node.values, strict=True)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dict":
        merged = node.args
        pairs = [(word.arg, word.value) for word in node.keywords]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        merged = [node.left, node.right]
    else:
        return None
    items: dict[str, Value] = {}
    for part in merged:
        found = of_node(part, constants).items
        if found is None:
            return None
        items |= found
    for key, part in pairs:
        value = of_node(part, constants)
        new = {key: value} if key is not None else value.items
        for name, inner in ({f"**{value.text}": Value("")} if new is None else new).items():
            items.pop(name, None)  # the last one counts, also where a "**" stands between them
            items[name] = inner
    return items


def _key(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


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


def _bound(tree: ast.Module) -> dict[str, list[int]]:
    """The lines that bind a name or change what is bound to it, by name: ``DATABASES = ...``,
    ``DATABASES["default"]["HOST"] = ...``, ``DATABASES["default"].update(...)``."""
    lines: dict[str, list[int]] = {}
    for node in ast.walk(tree):
        target: ast.expr | None = None
        if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute)):
            target = None if isinstance(node.ctx, ast.Load) else node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value if node.func.attr in _CHANGING else None
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value
        if isinstance(target, ast.Name):
            lines.setdefault(target.id, []).append(target.lineno)
    return {name: sorted(found) for name, found in lines.items()}
