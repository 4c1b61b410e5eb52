"""The comparison for people: the rows that terminal, page and Markdown have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..bench.tables import digits
from ..report.numbers import counts
from .figures import Verdict

Data = dict[str, Any]

MARKS = {Verdict.BETTER: "▲", Verdict.WORSE: "▼"}
LEGEND = (
    "Medians of the rounds, below them the least and the most. Marked is what differs from "
    "django_pgpool: ▲ this engine is better, ▼ it is worse, and by which factor; not marked is "
    "what is within 5 %, or where the rounds overlap."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one engine."""

    number: str
    spread: str = ""
    mark: str = ""
    ratio: str = ""
    verdict: str | None = None

    @property
    def marked(self) -> str:
        """The number with its mark and its ratio."""
        return " ".join(filter(None, [self.number, f"{self.mark}{self.ratio}"]))


@dataclass(frozen=True, slots=True)
class Row:
    """One engine."""

    label: str
    cells: tuple[Cell, ...]
    missing: str | None = None
    """Why there are no numbers."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Some of the metrics of all engines."""

    title: str
    head: tuple[str, ...]
    """Names of the metrics."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """django_pgpool beside one engine: in what it loses and wins, in words."""

    label: str
    loses: str
    wins: str


def title(part: Data) -> str:
    """Of a part, in a line: the scenario with what it was given, and the limits of all."""
    scenario = part["scenario"]
    own = ", ".join(f"{name} {_plain(value)}" for name, value in scenario["parameters"].items())
    limits = ", ".join(f"{name} {_plain(value)}" for name, value in part["settings"].items())
    return f"{scenario['name']}: {own}; {limits}"


def numbers(data: Data, part: Data) -> list[Numbers]:
    """What visitors get, and what it costs."""
    found = []
    parts = (("what visitors get; times in milliseconds", False), ("what it costs", True))
    for name, cost in parts:
        metrics = [metric for metric in data["metrics"] if metric["cost"] is cost]
        rows = tuple(_row(engine, metrics) for engine in part["engines"])
        head = tuple(f"{metric['label']}{_rate(metric)}" for metric in metrics)
        found.append(Numbers(f"{part['scenario']['name']}: {name}", head, rows))
    return found


def balances(data: Data, part: Data) -> list[Balance]:
    """One for each of the others."""
    (own,) = (one for one in part["engines"] if one["name"] == data["reference"])
    return [
        Balance(
            engine["label"],
            _words(data, own, engine, Verdict.BETTER),
            _words(data, own, engine, Verdict.WORSE),
        )
        for engine in part["engines"]
        if engine["name"] != data["reference"] and engine["figures"]
    ]


def errors(part: Data) -> list[tuple[str, str]]:
    """Who had errors, and how many of each kind in all rounds."""
    found = []
    for engine in part["engines"]:
        kinds: Counter[str] = Counter()
        for run in engine["runs"]:
            kinds.update(run["total"]["errors"])
        if kinds:
            found.append((engine["label"], counts(kinds)))
    return found


def engines(data: Data) -> Iterator[tuple[str, str, str]]:
    """Who took part, how it was set up, and where that comes from; in the last part: the settings
    of all parts differ at most in their numbers."""
    for part in data["parts"][-1:]:
        for engine in part["engines"]:
            yield engine["label"], engine["about"], engine["documentation"]


def notes(data: Data) -> list[str]:
    """What a reader has to know before the numbers."""
    found = []
    after = f"after {data['seconds']:.0f} s: it has the rounds that were complete"
    if data["failure"]:
        found.append(f"The comparison failed {after}. {data['failure']}")
    if data["interrupted"]:
        found.append(f"The comparison was interrupted {after}.")
    for part in data["parts"]:
        lost = {engine["label"]: engine["missing"] for engine in part["engines"]}
        name = part["scenario"]["name"]
        found += [f"{name}, {label}: {why}" for label, why in lost.items() if why]
    return found


def _row(engine: Data, metrics: list[Data]) -> Row:
    cells = (_cell(engine["figures"].get(metric["key"])) for metric in metrics)
    return Row(engine["label"], tuple(cells), engine["missing"])


def _rate(metric: Data) -> str:
    return "/s" if metric["unit"] == "/s" else ""


def _cell(figure: Data | None) -> Cell:
    if figure is None:
        return Cell("-")
    spread = ""
    if figure["least"] != figure["most"]:
        spread = f"{_number(figure['least'])} - {_number(figure['most'])}"
    verdict = figure["verdict"]
    differs = verdict in (Verdict.BETTER, Verdict.WORSE)
    ratio = _ratio(figure["ratio"]) if differs and figure["ratio"] is not None else ""
    return Cell(_number(figure["median"]), spread, MARKS.get(verdict, ""), ratio, verdict)


def _ratio(ratio: float) -> str:
    return "<0.01x" if ratio < 0.01 else f"{ratio:.2f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def _words(data: Data, own: Data, engine: Data, verdict: Verdict) -> str:
    """The metrics in which ``engine`` is of this ``verdict``, with both medians, ours first."""
    found = []
    for metric in data["metrics"]:
        figure = engine["figures"].get(metric["key"])
        if figure is None or figure["verdict"] != verdict:
            continue
        mine = _number(own["figures"][metric["key"]]["median"])
        other = _number(figure["median"])
        found.append(f"{metric['label']} {mine} : {other}{_unit(metric)}")
    return ", ".join(found) or "nothing"


def _unit(metric: Data) -> str:
    """With what separates it from a number."""
    unit = metric["unit"]
    return unit if unit in ("", "/s") else f" {unit}"


def _number(number: float) -> str:
    if number and abs(number) < 0.01:
        return "<0.01"
    return f"{number:.0f}" if float(number).is_integer() else digits(number)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
