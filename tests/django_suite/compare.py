"""What django_pgpool does to Django's tests that the stock backend does not."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .run import Outcome, Run

KNOWN = Path(__file__).with_name("known.toml")
ABSENT = Outcome("did not run")


@dataclass(frozen=True)
class Known:
    test: str
    reason: str
    may_pass: bool = False


@dataclass(frozen=True)
class Difference:
    test: str
    stock: Outcome
    pooled: Outcome


@dataclass
class Verdict:
    different: list[Difference] = field(default_factory=list)
    """Those that the list does not have."""
    known: list[Known] = field(default_factory=list)
    """Those that it has."""
    stale: list[Known] = field(default_factory=list)
    """What it has though that is no difference."""
    both: Counter[str] = field(default_factory=Counter)
    """Tests that fail with both engines, by kind of error: these judge nothing."""
    tests: int = 0


def known_differences(django_version: str) -> list[Known]:
    """The list for this version of Django."""
    series = ".".join(django_version.split(".")[:2])
    return [
        Known(entry["id"], entry["reason"], entry.get("may_pass", False))
        for entry in tomllib.loads(KNOWN.read_text())["test"]
        if series in entry.get("django", [series])
    ]


def compare(stock: Mapping[str, Run], pooled: Mapping[str, Run], known: Iterable[Known]) -> Verdict:
    """Both by label."""
    verdict, listed = Verdict(), {entry.test: entry for entry in known}
    for label in stock:
        for difference in _differences(stock[label], pooled[label]):
            entry = listed.get(difference.test.split(" ")[0])  # of a subtest, the test
            if entry is None:
                verdict.different.append(difference)
            elif entry not in verdict.known:
                verdict.known.append(entry)
        failures = pooled[label].failures
        both = (failures[test] for test in stock[label].failures if test in failures)
        verdict.both.update(outcome.why.split(":")[0] for outcome in both)
        verdict.tests += len(pooled[label].outcomes)
    complete = [label for label in stock if stock[label].finished and pooled[label].finished]
    for entry in listed.values():
        if entry not in verdict.known and not entry.may_pass and _is_of(entry.test, complete):
            verdict.stale.append(entry)
    return verdict


def _differences(stock: Run, pooled: Run) -> Iterable[Difference]:
    for test, ours in pooled.outcomes.items():
        theirs = stock.outcomes.get(test, ABSENT)
        if ours.kind != "ok" and not theirs.failed and ours.kind != theirs.kind:
            yield Difference(test, theirs, ours)
    if pooled.finished:  # else that is reported, not each test that it did not come to
        begun = {test.split(" ")[0] for test in pooled.outcomes}  # with failed subtests, too
        for test in stock.outcomes.keys() - begun - pooled.outcomes.keys():
            if not stock.outcomes[test].failed:
                yield Difference(test, stock.outcomes[test], ABSENT)


def _is_of(test: str, labels: Iterable[str]) -> bool:
    return any(test == label or test.startswith(f"{label}.") for label in labels)
