"""Medians, ratios and verdicts of a comparison."""

from __future__ import annotations

import pytest
from example_runs import results

from loadtests.arrivals import Phase
from loadtests.compare.figures import Figure, Verdict, figures, verdict
from loadtests.compare.metrics import METRICS

THROUGHPUT, P99 = (
    next(metric for metric in METRICS if metric.key == key) for key in ("throughput", "p99")
)


def run(seed=1, *, throughput=None, p99=None, **options):
    """The data of a run, with what the comparison adds to it."""
    data = results(seed=seed, phases=(Phase("steady", 2, 100, 100),), **options)
    data["pool"]["sessions"] = 12
    data["cpu"]["pgbouncer"] = None
    if throughput is not None:
        data["total"]["throughput"] = throughput
    if p99 is not None:
        data["total"]["latency"]["p99"] = p99
    return data


@pytest.mark.parametrize(
    ("metric", "theirs", "ours", "expected"),
    [
        (THROUGHPUT, (90, 91, 92), (100, 101, 99), Verdict.WORSE),
        (THROUGHPUT, (120, 121, 122), (100, 101, 99), Verdict.BETTER),
        (P99, (120, 121, 122), (100, 101, 99), Verdict.WORSE),
        (P99, (90, 91, 92), (100, 101, 99), Verdict.BETTER),
        (P99, (104, 104.5, 104.9), (100, 101, 99), Verdict.EVEN),  # less than 5 % apart
        (P99, (100.5, 121, 122), (100, 101, 99), Verdict.EVEN),  # the rounds overlap
        (P99, (121,), (100,), Verdict.WORSE),  # one round only
        (P99, (0, 0, 0), (0, 0, 0), Verdict.EVEN),
        (P99, (3, 5, 4), (0, 0, 0), Verdict.WORSE),
        (P99, (0, 0, 0), (3, 5, 4), Verdict.BETTER),
    ],
)
def test_who_is_better(metric, theirs, ours, expected):
    assert verdict(Figure(metric, theirs), Figure(metric, ours)) is expected


def test_medians_spread_and_ratios_are_those_of_the_rounds():
    found = figures(
        {
            "django_pgpool": [run(throughput=number) for number in (100.0, 90.0, 110.0)],
            "other": [run(throughput=number) for number in (50.0, 60.0, 55.0)],
        },
        "django_pgpool",
    )
    ours, theirs = (found[name]["throughput"] for name in ("django_pgpool", "other"))
    assert (ours.median, ours.least, ours.most) == (100.0, 90.0, 110.0)
    assert (ours.ratio, ours.verdict) == (None, None)
    assert (theirs.median, theirs.ratio, theirs.verdict) == (55.0, 0.55, Verdict.WORSE)


def test_what_an_engine_does_not_tell_is_left_out():
    data = run(ours=False)
    assert data["cpu"]["server"] is None
    found = figures({"other": [data]}, "django_pgpool")["other"]
    assert "server" not in found
    assert {"throughput", "p99", "wait", "peak", "held", "openings", "client"} <= set(found)


def test_the_cpu_of_pgbouncer_counts_as_the_servers():
    data = run()
    alone = figures({"it": [data]}, "it")["it"]["server"].median
    data["cpu"]["pgbouncer"] = data["cpu"]["server"]
    assert figures({"it": [data]}, "it")["it"]["server"].median == pytest.approx(2 * alone)


def test_a_ratio_to_nothing_is_none():
    found = figures({"django_pgpool": [run()], "other": [run(maxwait=0.001)]}, "django_pgpool")
    errors = found["other"]["errors"]
    assert found["django_pgpool"]["errors"].median == 0
    assert (errors.ratio, errors.verdict) == (None, Verdict.WORSE)
