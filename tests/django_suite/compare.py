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
class Difference:
    test: str
    stock: Outcome
    pooled: Outcome


@dataclass
class Verdict:
    different: list[Difference] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    """Differences that the list has: test and reason."""
    stale: list[str] = field(default_factory=list)
    """What the list has though it is no difference."""
    both: Counter[str] = field(default_factory=Counter)
    """Tests that fail with both engines, by kind of error: about these nothing is known."""
    tests: int = 0


def known_differences(django_version: str) -> dict[str, str]:
    """Test and reason, for the tests of this version of Django."""
    entries = tomllib.loads(KNOWN.read_text())["test"]
    series = ".".join(django_version.split(".")[:2])
    return {
        entry["id"]: entry["reason"] for entry in entries if series in entry.get("django", [series])
    }


def compare(
    stock: Mapping[str, Run], pooled: Mapping[str, Run], known: Mapping[str, str]
) -> Verdict:
    """Both by label."""
    verdict = Verdict()
    for label in stock:
        for difference in _differences(stock[label], pooled[label]):
            if reason := known.get(difference.test):
                verdict.known[difference.test] = reason
            else:
                verdict.different.append(difference)
        failures = pooled[label].failures
        both = (failures[test] for test in stock[label].failures if test in failures)
        verdict.both.update(outcome.why.split(":")[0] for outcome in both)
        verdict.tests += len(pooled[label].outcomes)
    ours = (test for test in known if _is_of(test, stock))
    verdict.stale = [test for test in ours if test not in verdict.known]
    return verdict


def _differences(stock: Run, pooled: Run) -> Iterable[Difference]:
    for test, ours in pooled.outcomes.items():
        theirs = stock.outcomes.get(test, ABSENT)
        if ours.kind != "ok" and not theirs.failed and ours.kind != theirs.kind:
            yield Difference(test, theirs, ours)
    if pooled.finished:  # else that is reported, not each test that it did not come to
        with_parts = {test.split(" ")[0] for test in pooled.outcomes}  # failed subtests
        for test in stock.outcomes.keys() - with_parts - pooled.outcomes.keys():
            if not stock.outcomes[test].failed:
                yield Difference(test, stock.outcomes[test], ABSENT)


def _is_of(test: str, labels: Iterable[str]) -> bool:
    return any(test == label or test.startswith(f"{label}.") for label in labels)
