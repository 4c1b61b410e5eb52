"""The tables that the page and the terminal have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..recorder import PERCENTILES
from .numbers import NONE, counts, milliseconds, number, plain, share, short

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text. The first cell of a row names it."""

    title: str
    rows: tuple[Row, ...]
    head: Row = ()
    groups: tuple[tuple[str, int], ...] = ()
    """Titles above the columns after the first, each with how many of them it spans."""
    words: int = 0
    """How many of the last columns are words; those between the first and them are numbers."""

    @property
    def numeric(self) -> range:
        """Positions of the columns of numbers."""
        return range(1, len(self.head) - self.words)


def phases(data: dict[str, Any]) -> Table:
    """Per phase: what was asked, what was answered, how fast, and what went wrong."""
    return _answers("Phases", "phase", parts(data))


def kinds(data: dict[str, Any]) -> Table:
    """The same per kind of request."""
    return _answers("Kinds of requests", "kind", data["kinds"])


def _answers(title: str, name: str, parts: dict[str, dict[str, Any]]) -> Table:
    head = (name, "s", "offered/s", "done/s", *PERCENTILES, "errors")
    groups = (("", 3), ("latency, ms", len(PERCENTILES)), ("", 1))
    rows = (
        (
            name,
            f"{part['seconds']:.1f}",
            _rate(part["offered"], part["seconds"]),
            f"{part['throughput']:.1f}",
            *_percentiles(part["latency"]),
            counts(part["errors"]),
        )
        for name, part in parts.items()
    )
    return Table(title, tuple(rows), head, groups, words=1)


def connections(data: dict[str, Any]) -> Table:
    """Per phase: how long requests waited for a connection, and how long they used it."""
    spread = len(PERCENTILES)
    rows = (
        (name, *_percentiles(phase["wait"]), *_percentiles(phase["use"]))
        for name, phase in parts(data).items()
    )
    groups = (("wait, ms", spread), ("use, ms", spread))
    head = ("phase", *PERCENTILES, *PERCENTILES)
    return Table("Waiting for a connection, and using it", tuple(rows), head, groups)


def parts(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The phases, and behind them the whole run, if there were several."""
    whole = {"all": data["total"]} if len(data["phases"]) > 1 else {}
    return {**data["phases"], **whole}


def pool(data: dict[str, Any]) -> Table:
    """What the pool did, and what the server saw of it."""
    numbers, most = data["pool"], limit(data)
    rows = [
        ("largest count of the server", number(numbers["peak_server"])),
        ("server's count at the end", number(numbers["end_server"])),
        *_held(data),
    ]
    if numbers.get("sessions") is not None:
        rows.append(("sessions begun at the server", number(numbers["sessions"])))
    if numbers.get("peak_size") is not None:
        rows += [
            ("largest size seen", f"{numbers['peak_size']} of {most}"),
            ("most in use at once, seen", number(numbers["peak_in_use"])),
            ("most waiting at once, seen", number(numbers["peak_waiting"])),
            ("connections at the end", number(numbers["end_size"])),
        ]
    return Table("Connections", tuple(rows + _counters(numbers)))


def limit(data: dict[str, Any]) -> int:
    """The most connections that all workers together may have."""
    return int(data["settings"]["maxsize"] * data["scenario"]["workers"])


def _held(data: dict[str, Any]) -> Iterable[Row]:
    held, ideal = (data["pool"][key] for key in ("connection_seconds", "ideal_connection_seconds"))
    most = limit(data) * data["seconds"]
    yield (
        "connection-seconds",
        f"{_seconds(held)}, {share(held, most)} of maxsize all the time",
    )
    if ideal is not None:
        ratio = f", held {held / ideal:.1f} times that" if held and ideal else ""
        yield "of these needed", f"{_seconds(ideal)}{ratio}"


def _seconds(seconds: float | None) -> str:
    return number(seconds) if seconds is None or seconds >= 10 else f"{seconds:.1f}"


def _counters(numbers: dict[str, Any]) -> list[Row]:
    """What only a pool of ours counts."""
    if numbers.get("acquires") is None:
        return []
    mean = numbers["wait_seconds"] / numbers["waits"] if numbers["waits"] else None
    given_up = {
        "maxwait ran out": numbers["exhausted"],
        "queue full": numbers["rejected"],
        "killed or timed out": numbers["abandoned"],
    }
    return [
        ("acquires", number(numbers["acquires"])),
        ("callers who had to wait", f"{number(numbers['waits'])}, {milliseconds(mean)} on average"),
        ("longest wait", milliseconds(numbers["wait_seconds_max"])),
        ("waits given up", counts(given_up)),
        ("openings", f"{number(numbers['openings'])}, {number(numbers['open_failures'])} failed"),
        ("evictions", counts(numbers["evictions"])),
        ("taken back from the dead", number(numbers["reclaimed"])),
    ]


def cpu(data: dict[str, Any]) -> Table:
    """CPU time, also as a share of one CPU for the whole run, and the site's memory."""
    names = {"load": "load generator", "site": "site", "server": "PostgreSQL"}
    unknown = {"load": "counted with the site: one process", "server": "not known: not our server"}
    rows = [
        (
            names.get(key, key),
            unknown.get(key, NONE)
            if seconds is None
            else f"{seconds:.1f} s, {share(seconds, data['seconds'])} of one CPU",
        )
        for key, seconds in data["cpu"].items()
    ]
    if data.get("memory"):
        begin, peak, end = (f"{data['memory'][at] / 2**20:.0f}" for at in ("begin", "peak", "end"))
        rows.append(("memory of the site", f"{begin} MiB at first, {peak} at most, {end} at last"))
    return Table("CPU time and memory", tuple(rows))


def load(data: dict[str, Any]) -> Table:
    """What was asked of the site."""
    scenario = data["scenario"]
    total = sum(scenario["mix"].values())
    mix = (f"{kind} {part / total:.0%}" for kind, part in scenario["mix"].items())
    return Table(
        "Load",
        (
            ("front", f"{scenario['front']}, workers: {scenario['workers']}"),
            ("requests", ", ".join(mix) or NONE),
            *((name, plain(value)) for name, value in scenario["parameters"].items()),
            ("seed", str(scenario["seed"])),
            ("requests left late, p99", milliseconds(data["driver"]["delay"]["p99"])),
        ),
    )


def settings(data: dict[str, Any]) -> Table:
    """The OPTIONS of each worker's pool, or the settings of another engine."""
    rows = (
        (name, plain(value) + " s" * (name != "maxsize" and isinstance(value, int | float)))
        for name, value in data["settings"].items()
    )
    return Table("Settings, per worker", tuple(rows))


def versions(data: dict[str, Any]) -> Table:
    """What ran."""
    return Table("Versions", tuple((name, str(text)) for name, text in data["versions"].items()))


def machine(data: dict[str, Any]) -> Table:
    """Where it ran."""
    words = {"cpus": "CPUs", "memory_gib": "memory, GiB", "postgresql": "database server"}
    rows = ((words.get(name, name), str(text)) for name, text in data["machine"].items())
    return Table("Machine", tuple(rows))


def events(data: dict[str, Any]) -> Table:
    """What the scenario did to the site and the server, numbered as in the charts."""
    rows = (
        (str(index), f"{event['at']:.1f}", event["name"])
        for index, event in enumerate(data["events"], 1)
    )
    return Table("Events", tuple(rows), ("no.", "at, s", "event"), words=1)


def recommendation(data: dict[str, Any]) -> Table:
    """What to put into OPTIONS, and why."""
    rows = ((line["option"], str(line["value"]), line["reason"]) for line in data["recommendation"])
    return Table("Recommendation", tuple(rows), ("option", "value", "why"), words=2)


def _percentiles(values: Mapping[str, float | None]) -> Row:
    return tuple(short(values[percentile]) for percentile in PERCENTILES)


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:.1f}" if seconds else NONE
