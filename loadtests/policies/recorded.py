"""A trace from a file: what a site has logged of its requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import LoadTestError
from .traces import Request, Trace


def recorded(path: Path, maxsize: int, cleanup: float) -> Trace:
    """A line of JSON per request: ``at`` and ``use``, seconds; ``phase``, a name, is optional.

    Raises LoadTestError.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadTestError(f"{path} cannot be read: {error}") from error
    requests = [
        _request(line, f"line {number} of {path}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]
    if not requests:
        raise LoadTestError(f"{path} has no request in it")
    requests.sort(key=lambda request: request.at)
    return Trace("recorded", "as recorded", lambda seed: requests, maxsize, cleanup)


def _request(line: str, where: str) -> Request:
    try:
        fields: dict[str, Any] = json.loads(line)
        request = Request(
            float(fields["at"]), float(fields["use"]), str(fields.get("phase", "all"))
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoadTestError(
            f'{where} is not like {{"at": 1.5, "use": 0.03, "phase": "peak"}}'
        ) from error
    if not (0 <= request.at < float("inf") and 0 <= request.use < float("inf")):
        raise LoadTestError(f"{where}: at and use are seconds, not negative")
    return request
