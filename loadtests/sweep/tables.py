"""The tables of a sweep, for the page and the terminal alike."""

from __future__ import annotations

from typing import Any

from ..report import tables
from ..report.numbers import counts, number, plain, short
from ..report.tables import Row, Table
from .outcome import middle, spread

Data = dict[str, Any]


def summary(data: Data) -> list[Table]:
    """What was recommended, and why."""
    found = [points(data)]
    if data["recommendation"]:
        found.insert(0, tables.recommendation(data))
    return found


def points(data: Data) -> Table:
    """A row for each of the settings that were run; the knee is marked."""
    shown = [option for option, values in data["grid"].items() if len(values) > 1] or ["maxsize"]
    several = data["rounds"] > 1
    head = (
        *shown,
        *("requests/s", "p50", "p99", *(["lowest", "highest"] if several else [])),
        *("p99", "max", "opened", "held, s", "most", "errors"),
    )
    groups = (
        ("", len(shown)),
        ("latency, ms", 4 if several else 2),
        ("wait, ms", 2),
        ("connections", 3),
        ("", 1),
    )
    rows = tuple(_row(data, point, shown, several) for point in data["points"] if point["runs"])
    return Table("Settings that were tried", rows, head, groups, words=1)


def _row(data: Data, point: Data, shown: list[str], several: bool) -> Row:
    run, settings = middle(point), point["settings"]
    latency, pool = run["latency"], run["pool"]
    names = [plain(settings[option]) for option in shown]
    if settings == data["knee"]:
        names[0] += " (knee)"
    return (
        *names,
        f"{run['throughput']:.1f}",
        short(latency["p50"]),
        short(latency["p99"]),
        *([short(value) for value in spread(point)] if several else []),
        short(run["wait"]["p99"]),
        short(run["wait"]["max"]),
        number(pool["openings"]),
        number(pool["connection_seconds"]),
        number(pool["peak_server"]),
        counts(run["errors"]),
    )


def facts(data: Data) -> list[Table]:
    """How it was run."""
    scenario = data["scenario"]
    runs = sum(len(point["runs"]) for point in data["points"])
    total = sum(scenario["mix"].values())
    mix = (f"{kind} {part / total:.0%}" for kind, part in scenario["mix"].items())
    tried = (
        (option, ", ".join(map(plain, values)) + ("" if option == "maxsize" else " s"))
        for option, values in data["grid"].items()
    )
    return [
        Table("Tried, per worker", tuple(tried)),
        Table(
            "Load",
            (
                ("scenario", scenario["name"]),
                ("front", f"{scenario['front']}, workers: {scenario['workers']}"),
                ("requests", ", ".join(mix)),
                *((name, plain(value)) for name, value in scenario["parameters"].items()),
                ("seed", str(scenario["seed"])),
                ("runs", f"{runs} of {len(data['points']) * data['rounds']}, each on a cold pool"),
            ),
        ),
        tables.versions(data),
        tables.machine(data),
    ]
