"""One entry of DATABASES for another pool -> the same for this one, with what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .predecessor import BESIDE, CALL, NATIVE, NOT_SAID, OPTIONS, Old, Predecessor
from .predecessors import DB_POOLING, DJANGOS_OWN, PREDECESSORS, TRU_SOFTWARE
from .source import UNKNOWN, Settings, Value

HEALTH = "CONN_HEALTH_CHECKS"
_AGE = "CONN_MAX_AGE"
ONLY_HERE = frozenset(
    {"minsize", "maxwaiting", "reset", "read_timeout", "cancel_timeout", "held_warning"}
    | {"stats_interval", "workers"}
)
"""Options by which an entry is known to be for this engine already: another one has its name."""


@dataclass(slots=True)
class Entry:
    """The new one: what goes into it, in this order, each with its comment; and what went away."""

    came_from: Predecessor
    values: dict[str, tuple[Value, str]] = field(default_factory=dict)
    options: dict[str, tuple[Value, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    is_computed: bool = False
    """The other pool may have been given more options than can be read."""


def predecessor_of(entry: Value, *, patched: bool) -> Predecessor | None:
    """The pool an entry of DATABASES is for; None where that is none of those that are known.
    ``patched``: the site's code patches Django with django_db_pooling."""
    items = entry.items or {}
    options = items.get("OPTIONS", Value("")).items or {}
    engine = items.get("ENGINE", Value("")).known
    for known in PREDECESSORS:
        if not isinstance(engine, str) or engine not in known.engines:
            continue
        if known is DB_POOLING and not patched:
            continue
        if known is DJANGOS_OWN and not _is_switched_on(options.get("pool")):
            continue
        if known is TRU_SOFTWARE and options.keys() & ONLY_HERE:
            continue
        return known
    return None


def converted(
    entry: Value, known: Predecessor, settings: Settings, call: Mapping[str, Value]
) -> Entry:
    """``call`` is what set_pool_size() was given."""
    items = dict(entry.items or {})
    new = Entry(known)
    if entry.is_computed and "OPTIONS" not in items:
        items["OPTIONS"] = Value("")
    options = _inside(new, items.pop("OPTIONS", None), "OPTIONS")
    given = _given(new, items, options, settings, call)
    engine = str(items["ENGINE"].known)
    for key, value in items.items():
        if key == "ENGINE":
            told = "" if engine == known.engines[engine] else f'was "{engine}"'
            new.values[key] = (_text(known.engines[engine]), told)
        elif key == _AGE:
            _set_age(new, value)
        else:
            new.values[key] = (value, "")
    _set_limit(new, given)
    _set_others(new, given)
    if "pool" in options:
        del options["pool"]
        new.notes.append("'pool' is removed: it would switch this pool off, or Django's own on")
    if "mysql" in engine:
        new.notes.append("all places and names are those of the PostgreSQL server from now on")
        new.notes += [f"{name!r} is removed: it was for MySQL" for name in options]
    else:
        new.options.update({name: (value, "") for name, value in options.items()})
    return new


def _given(
    new: Entry,
    items: dict[str, Value],
    options: dict[str, Value],
    settings: Settings,
    call: Mapping[str, Value],
) -> dict[str, Value]:
    """The options of the other pool, taken out of where they were."""
    where = new.came_from.where
    if where == CALL:
        return dict(call)
    if where == OPTIONS:
        names = {old.name for old in new.came_from.options}
        return {name: options.pop(name) for name in list(options) if name in names}
    if where == NATIVE:
        pool = _inside(new, options.pop("pool"), where)
        return {name: value for name, value in pool.items() if value.known is not None}
    found = items.pop(where, None) if where == BESIDE else settings.others.get(where)
    return _inside(new, found, where)


def _inside(new: Entry, value: Value | None, where: str) -> dict[str, Value]:
    if value is not None and value.is_computed:
        new.is_computed = True
        new.notes.append(f"{where} is computed: --run shows what is in it")
    return dict((value.items if value is not None else None) or {})


def _set_age(new: Entry, age: Value) -> None:
    if age.known == 0:
        new.values[_AGE] = (age, "")
    elif new.came_from is DB_POOLING:
        new.options["expires"] = (age, f"was {_AGE}, of which nothing is left beside OPTIONS")
    else:
        new.values[_AGE] = (_whole(0), f"was {age.text}: the pool keeps the connections")


def _set_limit(new: Entry, given: Mapping[str, Value]) -> None:
    """``maxsize``: it is written down even where the other pool's default was in force."""
    known = new.came_from
    named = next((some for some in known.limit if given.keys() & set(some)), None)
    if named is None and new.is_computed:
        return
    names = named or known.limit[-1]
    values = []
    for name in names:
        old = known.option(name)
        value = given.get(name, _default(old))
        if value is None or value.known in old.unlimited:
            new.notes.append("there was no limit of connections; here it is maxsize, by default 20")
            return
        values.append(value)
    said = " + ".join(
        name if name in given else f"{name}, {value.text} by default"
        for name, value in zip(names, values, strict=True)
    )
    new.options["maxsize"] = (_sum(values), "" if said == "maxsize" else f"was {said}")


def _set_others(new: Entry, given: Mapping[str, Value]) -> None:
    known = new.came_from
    olds = {old.name: old for old in known.options}
    for name, value in given.items():
        old = olds.get(name)
        if old is None:
            new.notes.append(f"{name!r} is removed: {known.name} did not know it, either")
        elif old.to == "maxsize":
            continue
        elif not old.to:
            new.notes.append(f"{name!r} is removed: {old.instead.removeprefix('remove it: ')}")
        elif old.to == HEALTH:
            _set_health(new, old, value)
        elif value.known in old.unlimited and old.to == "maxwait":
            new.notes.append(
                f"{name!r} was {value.text}; here it is 10.0 by default, never 0 or no limit"
            )
        else:
            new.options[old.to] = _taken_over(old, value)


def _taken_over(old: Old, value: Value) -> tuple[Value, str]:
    if value.known in old.unlimited and value.known is not None:
        return Value("None", None), f"was {old.name} {value.text}, which meant no limit"
    return value, "" if old.name == old.to else f"was {old.name}"


def _set_health(new: Entry, old: Old, value: Value) -> None:
    if value.known is UNKNOWN or value.known:
        new.values[HEALTH] = (Value("True", True), f"was {old.name}")
    else:
        new.notes.append(f"{old.name!r} is removed: what the server has closed is noticed anyway")


def _default(old: Old) -> Value | None:
    return None if old.default is NOT_SAID else _whole(old.default)


def _sum(values: list[Value]) -> Value:
    if all(isinstance(value.known, int) for value in values):
        return _whole(sum(value.known for value in values))
    return Value(" + ".join(value.text for value in values))


def _is_switched_on(pool: Value | None) -> bool:
    return pool is not None and (pool.known is UNKNOWN or bool(pool.known))


def _text(known: str) -> Value:
    return Value(f'"{known}"', known)


def _whole(known: int) -> Value:
    return Value(str(known), known)
