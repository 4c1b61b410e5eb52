"""The table of faults, how often each was tried, and what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.table import Table
from rich.text import Text

from .catalog import CATALOG
from .outcome import Outcome

_LOST = {
    "slots": "slots",
    "sessions": "sessions\nleft",
    "foreign": "foreign\nresults",
    "hung": "hung",
    "in_transaction": "idle in\ntransaction",
    "above": "above\nmaxsize",
    "requests": "requests",
}
"""Fields of Outcome, and what the table calls them."""


def table(outcomes: Mapping[str, tuple[Outcome, float]]) -> Table:
    """One row per scenario: name -> (outcome, seconds it took)."""
    result = Table(caption="Everything that was lost; all has to be 0.")
    result.add_column("fault", overflow="fold")
    for heading in ("tried", *_LOST.values(), "other", "took"):
        result.add_column(heading, justify="right")
    for name, (outcome, seconds) in outcomes.items():
        text = f"{name}: {CATALOG[name].text}"
        lost = [_lost(field, getattr(outcome, field)) for field in _LOST]
        other = _number(len(outcome.broken))
        result.add_row(text, f"{outcome.tried:,}", *lost, other, f"{seconds:.0f} s")
    return result


def complaints(outcomes: Mapping[str, tuple[Outcome, float]]) -> Iterator[str]:
    """What there is to say beside the numbers."""
    for name, (outcome, _) in outcomes.items():
        yield from (f"{name}: {remark}" for remark in outcome.remarks)
        yield from (f"{name}: NOT KEPT: {promise}" for promise in outcome.broken)


def _lost(field: str, value: float) -> Text:
    if field == "above" and value:
        return Text(f"{value:.3f} s", style="bold red")
    return _number(int(value))


def _number(value: int) -> Text:
    return Text(str(value), style="bold red" if value else "green")
