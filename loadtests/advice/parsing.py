"""The line ``pool_stats`` in a site's log, in whatever format structlog and others write it."""

from __future__ import annotations

import json
import re
from typing import Any

EVENT = "pool_stats"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PAIR = re.compile(
    r"""(?<![\w.])(?P<key>\w+)=(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s'"]*))"""
)
NEEDED = (
    *("alias", "pid", "interval", "maxsize", "maxwait", "expires", "cleanup"),
    *("in_use_max", "waiting_max", "needed_p99", "needed_max"),
    *("connection_seconds", "use_seconds", "late_reuses", "late_reuse_seconds"),
    *("acquires", "waits", "exhausted", "rejected", "openings"),
    *("evicted_idle", "evicted_surplus", "evicted_expired"),
    *("wait_p99", "wait_max", "use_p50", "open_p50"),
)
"""Keys of docs/logs.md without which nothing can be recommended."""
MAY_BE_NONE = frozenset(
    {"expires", "cleanup", "needed_p99", "needed_max", "wait_p99", "wait_max", "use_p50"}
    | {"open_p50"}
)


class Unreadable(ValueError):
    """A line that tells of pool_stats, but not in a way that is understood."""


def parse(line: str) -> dict[str, Any] | None:
    """The keys of the line; None if it is another one. JSON, ``key=value`` and structlog's console,
    with or without colours, behind whatever prefix; also JSON around such a line, as containers'
    logs have it. Raises Unreadable."""
    if EVENT not in line:
        return None
    found = _json(line)
    if found is None:
        found = _pairs(COLOURS.sub("", line))
    if found is None:
        return None
    missing = [key for key in NEEDED if key not in found]
    if missing:
        raise Unreadable(f"without {', '.join(missing)}")
    for key in NEEDED:
        if key == "alias" or (found[key] is None and key in MAY_BE_NONE):
            continue
        if isinstance(found[key], bool) or not isinstance(found[key], (int, float)):
            raise Unreadable(f"{key} is {found[key]!r}")
    return found


def _json(line: str) -> dict[str, Any] | None:
    begin = line.find("{")
    if begin < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(line, begin)
    except ValueError:
        return None
    texts = [value for value in found.values() if isinstance(value, str) and EVENT in value]
    if EVENT in texts:
        return dict(found) if "maxsize" in found else None
    for text in texts:
        if (inner := _json(text) or _pairs(COLOURS.sub("", text))) is not None:
            return inner
    return None


def _pairs(text: str) -> dict[str, Any] | None:
    """``event=pool_stats`` and the other pairs, or ``pool_stats`` and then the pairs."""
    if re.search(rf"(?<![\w.]){EVENT}\b", text) is None:
        return None
    found = {
        match["key"]: _value(match["bare"])
        if match["bare"] is not None
        else match["single"] or match["double"] or ""
        for match in PAIR.finditer(text)
    }
    return found if "maxsize" in found else None  # else somebody has only mentioned it


def _value(text: str) -> Any:
    if text in ("", "None", "null"):
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
