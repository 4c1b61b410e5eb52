"""The summary in the terminal, and the rows that the report has in common with it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from .recorder import PERCENTILES

Row = tuple[str, ...]
Pair = tuple[str, str]


def milliseconds(seconds: float | None) -> str:
    """A duration as people read it; a dash where there is none."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def phase_head() -> Row:
    """Names of the columns of ``phase_rows``."""
    latencies = (f"{percentile} ms" for percentile in PERCENTILES)
    return ("phase", "s", "offered/s", "done/s", *latencies, "errors")


def phase_rows(data: dict[str, Any]) -> list[Row]:
    """Per phase: what was asked, what was answered, how fast, and what went wrong."""
    return [
        (
            name,
            f"{phase['seconds']:.1f}",
            f"{phase['offered'] / phase['seconds']:.1f}",
            f"{phase['throughput']:.1f}",
            *(_short(phase["latency"][percentile]) for percentile in PERCENTILES),
            counts(phase["errors"]),
        )
        for name, phase in data["phases"].items()
    ]


def pool_rows(data: dict[str, Any]) -> list[Pair]:
    """What the pool did, in words and numbers."""
    pool, maxsize = data["pool"], data["settings"]["maxsize"]
    most = maxsize * data["seconds"]
    rows = [
        ("largest size seen", f"{pool['peak_size']} of {maxsize}"),
        ("largest count of the server", number(pool["peak_server"])),
        ("most waiting at once, seen", number(pool["peak_waiting"])),
        ("connection-seconds", _share(pool["connection_seconds"], most)),
        ("connections at the end", f"{number(pool['end_size'])}"),
        ("server's count at the end", f"{number(pool['end_server'])}"),
    ]
    if "acquires" not in pool:
        return rows
    waited = pool["wait_seconds"] / pool["waits"] if pool["waits"] else None
    return [
        ("acquires", number(pool["acquires"])),
        ("of these had to wait", f"{number(pool['waits'])}, {milliseconds(waited)} on average"),
        ("longest wait", milliseconds(pool["wait_seconds_max"])),
        ("exhausted", number(pool["exhausted"])),
        ("openings", f"{number(pool['openings'])}, {number(pool['open_failures'])} failed"),
        ("evictions", counts(pool["evictions"])),
        *rows,
    ]


def load_rows(data: dict[str, Any]) -> list[Pair]:
    """What was asked of the site."""
    scenario = data["scenario"]
    total = sum(scenario["mix"].values())
    mix = (f"{kind} {share / total:.0%}" for kind, share in scenario["mix"].items())
    return [
        ("requests", ", ".join(mix)),
        ("a report is busy for", milliseconds(scenario["hold"])),
        ("seed", str(scenario["seed"])),
        ("requests left late, p99", milliseconds(data["driver"]["delay"]["p99"])),
    ]


def settings_rows(data: dict[str, Any]) -> list[Pair]:
    """The OPTIONS of the pool."""
    return [
        (name, str(value) if name == "maxsize" else f"{value:g} s")
        for name, value in data["settings"].items()
    ]


def tiles(data: dict[str, Any]) -> list[Pair]:
    """The run at a glance: values and what they are."""
    phases = data["phases"].values()
    slowest = max((phase["latency"]["p99"] or 0.0 for phase in phases), default=None)
    return [
        (number(sum(phase["completed"] for phase in phases)), "requests completed"),
        (number(sum(sum(phase["errors"].values()) for phase in phases)), "errors"),
        (milliseconds(slowest), "p99 of the slowest phase"),
        (f"{data['pool']['peak_size']} of {data['settings']['maxsize']}", "largest size seen"),
        (number(data["pool"]["peak_waiting"]), "most waiting at once, seen"),
        (number(data["pool"]["end_size"]), "connections at the end"),
    ]


def notes(data: dict[str, Any]) -> list[str]:
    """What a reader has to know before the numbers."""
    found = []
    if data["failure"]:
        found.append(f"The run failed after {data['seconds']:.1f} s: {data['failure']}")
    if data["interrupted"]:
        found.append(f"The run was interrupted after {data['seconds']:.1f} s.")
    late = data["driver"]["delay"]["p99"]
    if late is not None and late > 0.02:
        found.append(
            f"The driver of load did not keep up: 1 % of the requests left more than "
            f"{milliseconds(late)} late, which counts as latency."
        )
    return found


def print_summary(console: Console, data: dict[str, Any]) -> None:
    """Notes, phases, pool."""
    for note in notes(data):
        console.print(note, style="bold red", markup=False)
    phases = Table(*phase_head(), box=None, pad_edge=False, header_style="bold")
    for column in phases.columns[1:-1]:
        column.justify, column.no_wrap = "right", True
    for row in phase_rows(data):
        phases.add_row(*row)
    pool = Table(box=None, show_header=False, pad_edge=False)
    for row in pool_rows(data):
        pool.add_row(*row)
    console.print()
    console.print(phases)
    console.print()
    console.print(pool)
    console.print()


def counts(numbers: dict[str, int]) -> str:
    """Counts by name, the largest first."""
    most = sorted(numbers.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {number(count)}" for name, count in most if count) or "none"


def number(count: int | None) -> str:
    """A count with its thousands apart; a dash where it is not known."""
    return "-" if count is None else f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _short(seconds: float | None) -> str:
    """Milliseconds without their unit, to as many digits as anybody reads."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def _share(part: float, whole: float) -> str:
    share = f" ({part / whole:.0%} of maxsize all the time)" if whole else ""
    return f"{part:.0f} of {whole:.0f}{share}"
