"""Reading the JSON of a run again."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from ..errors import LoadTestError
from ..results import FORMAT

TIMES = FormatChecker(formats=())


@TIMES.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return isinstance(value, str) and bool(datetime.fromisoformat(value))


def read(path: Path) -> dict[str, Any]:
    """The results of one run. Raises LoadTestError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadTestError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise LoadTestError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict) or "format" not in data:
        raise LoadTestError(f"{path}: not the results of a load test")
    if "kind" in data:
        raise LoadTestError(
            f"{path}: the results of a {data['kind']}, which has its own page, not of one run"
        )
    if data["format"] != FORMAT:
        raise LoadTestError(
            f"{path}: results of format {data['format']}, but this version reads format {FORMAT}; "
            "run the load test again"
        )
    wrong = problem(data)
    if wrong:
        raise LoadTestError(f"{path}: broken results: {wrong}")
    return data


def problem(data: dict[str, Any]) -> str | None:
    """What is missing or wrong in results, in one line."""
    schema = json.loads(files(__package__).joinpath("format.schema.json").read_text())
    error = best_match(Draft202012Validator(schema, format_checker=TIMES).iter_errors(data))
    if error is None:
        return None
    message = " ".join(error.message.split())
    return f"{error.json_path}: {message if len(message) < 160 else error.validator}"
