"""What is known of a pool that somebody comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPTIONS = "OPTIONS"
NATIVE = "OPTIONS['pool']"
BESIDE = "POOL_OPTIONS"
CALL = "set_pool_size()"
NOT_SAID: Any = object()


@dataclass(frozen=True, slots=True)
class Old:
    """An option, a setting or a function of another pool."""

    name: str
    instead: str
    """What to do: it completes "Instead, ..."."""
    to: str = ""
    """The option that takes its value over, or in capitals the key beside OPTIONS."""
    unlimited: tuple[Any, ...] = ()
    """Values that meant "no limit" there."""
    default: Any = NOT_SAID
    """What held there where it was not given; told of the limit of connections only."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """Another pool for Django."""

    name: str
    """As on PyPI, where it is there; the heading in docs/migrating.md."""
    modules: tuple[str, ...]
    """What its users import: top-level packages."""
    engines: Mapping[str, str]
    """Its ENGINE -> ours."""
    where: str
    """Where its options are: a key of the entry in DATABASES, a call, or else a setting."""
    options: tuple[Old, ...]
    limit: tuple[tuple[str, ...], ...]
    """Options whose sum was the limit of connections. The first of these of which one was given,
    or else the last with its defaults."""
    settings: tuple[Old, ...] = ()
    """Beside those: keys of the entry, of OPTIONS, or settings."""
    code: tuple[Old, ...] = ()
    """Functions that a site calls, and decorators."""

    def option(self, name: str) -> Old:
        """Raises StopIteration where there is none of that name."""
        return next(old for old in self.options if old.name == name)
