"""Where a site's code uses another pool: imports, calls, and module names in strings."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .predecessor import CALL, Predecessor
from .predecessors import DB_POOLING
from .source import Value, of_node


@dataclass(frozen=True, slots=True)
class Found:
    """One place in the code, and what to do there."""

    line: int
    what: str
    instead: str


def uses(tree: ast.Module, known: Predecessor) -> Iterator[Found]:
    """The places in a file, in the order of lines."""
    yield from sorted(_walk(tree, known), key=lambda one: one.line)


def imports(tree: ast.Module, known: Predecessor) -> bool:
    """Whether a file imports something of that pool."""
    return any(_top(module) in known.modules for node in ast.walk(tree) for module in _of(node))


def pool_size(tree: ast.Module) -> Mapping[str, Value]:
    """The arguments of django_db_pooling's set_pool_size(), where a file calls it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == CALL.removesuffix("()"):
            given = dict(
                zip((old.name for old in DB_POOLING.options), map(_value, node.args), strict=False)
            )
            named = {word.arg or "": _value(word.value) for word in node.keywords}
            if "n" in named:
                given[DB_POOLING.options[0].name] = named.pop("n")
            return {**given, **named}
    return {}


def _walk(tree: ast.Module, known: Predecessor) -> Iterator[Found]:
    functions = {old.name: old.instead for old in known.code}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(_top(module) in known.modules for module in _of(node)) or any(
                alias.name in functions for alias in node.names
            ):
                yield Found(node.lineno, ast.unparse(node), "remove the import")
        elif isinstance(node, (ast.Name, ast.Attribute)):
            said = ast.unparse(node)
            for name, instead in functions.items():
                if f".{said}".endswith(f".{name}"):
                    yield Found(node.lineno, said, instead)
        elif isinstance(node, ast.Constant) and _names_module(node.value, known):
            yield Found(node.lineno, repr(node.value), "remove it")


def _of(node: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def _names_module(value: object, known: Predecessor) -> bool:
    """As in INSTALLED_APPS or MIDDLEWARE; an ENGINE is not meant."""
    return isinstance(value, str) and _top(value) in known.modules and value not in known.engines


def _value(node: ast.expr) -> Value:
    return of_node(node, {})


def _top(module: str) -> str:
    return module.partition(".")[0]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
