"""What counts as a difference, and what does not."""

import pytest

from .compare import Known, Verdict, compare, known_differences
from .run import Outcome, Run

OK, SKIPPED, ERROR = Outcome("ok"), Outcome("skipped"), Outcome("error", "TypeError: no")


def run(*, finished: bool = True, **outcomes: Outcome) -> Run:
    tests = {f"app.{name.replace('__', ' ')}": outcome for name, outcome in outcomes.items()}
    return Run(len(tests), "", tests, finished)


def judge(stock: Run, pooled: Run, *known: Known) -> Verdict:
    return compare({"app": stock}, {"app": pooled}, known)


@pytest.mark.parametrize(
    ("stock", "pooled", "different"),
    [
        (OK, ERROR, True),
        (OK, SKIPPED, True),
        (SKIPPED, ERROR, True),
        (OK, OK, False),
        (ERROR, ERROR, False),
        (ERROR, OK, False),
        (ERROR, SKIPPED, False),
        (SKIPPED, OK, False),
    ],
)
def test_only_what_is_worse_with_the_pool_is_a_difference(
    stock: Outcome, pooled: Outcome, different: bool
) -> None:
    assert bool(judge(run(a=stock), run(a=pooled)).different) is different


def test_a_test_that_does_not_run_is_a_difference() -> None:
    assert [each.test for each in judge(run(a=OK, b=OK), run(a=OK)).different] == ["app.b"]


def test_a_failed_subtest_is_one_difference() -> None:
    verdict = judge(run(a=OK), run(a__part=ERROR))
    assert [each.test for each in verdict.different] == ["app.a part"]


def test_a_process_that_died_has_no_differences_for_each_test_it_did_not_come_to() -> None:
    assert judge(run(a=OK, b=OK), run(a=OK, finished=False)).different == []


def test_the_list_takes_a_difference_and_its_subtests() -> None:
    entry = Known("app.a", "why")
    verdict = judge(run(a=OK), run(a__x=ERROR, a__y=ERROR), entry)
    assert (verdict.different, verdict.known, verdict.stale) == ([], [entry], [])


def test_an_entry_that_is_no_difference_is_stale_if_its_label_was_run() -> None:
    passes, elsewhere = Known("app.a", "why"), Known("application.a", "why")
    assert judge(run(a=OK), run(a=OK), passes, elsewhere).stale == [passes]


def test_an_entry_that_may_pass_is_never_stale() -> None:
    assert judge(run(a=OK), run(a=OK), Known("app.a", "why", may_pass=True)).stale == []


def test_what_fails_with_both_engines_is_counted_by_error() -> None:
    assert judge(run(a=ERROR, b=ERROR), run(a=ERROR, b=OK)).both == {"TypeError": 1}


def test_a_failure_in_the_cleanup_after_a_success_counts() -> None:
    result = Run()
    for event in ({"outcome": "ok"}, {"outcome": "error", "why": "E: x"}, {"outcome": "skipped"}):
        result.add({"test": "app.a", **event})
    assert result.failures == {"app.a": Outcome("error", "E: x")}


def test_the_list_itself_is_well_formed() -> None:
    entries = known_differences("6.1.3")
    assert all(entry.test and entry.reason for entry in entries)
    assert len({entry.test for entry in entries}) == len(entries)
