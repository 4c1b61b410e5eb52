"""The simulator of policies: its arithmetic by hand, its policies apart, its command line."""

from __future__ import annotations

import json
import sys

import pytest

from django_pgpool.pool.growth import Growth
from loadtests.errors import LoadTestError
from loadtests.policies import judge
from loadtests.policies.cli import main
from loadtests.policies.growing import (
    Eager,
    FromEight,
    FromFour,
    FromTwo,
    OneAtATime,
    Predicted,
    Predicting,
    SlowStart,
    Steady,
)
from loadtests.policies.policies import FREE, OWN, REFERENCE, SIDES, Policy, Real
from loadtests.policies.recorded import recorded
from loadtests.policies.server import CONNECTS, Connect, Server
from loadtests.policies.shrinking import Everything, Rent, Shared
from loadtests.policies.simulate import Outcome, needed, simulate
from loadtests.policies.traces import TRACES, Request, Trace

QUARTER = Connect("a quarter", 0.25)
SECOND = Connect("a second", 1.0)
POLICIES = {policy.name: policy for side in SIDES.values() for policy in side}


def trace(*moments, maxsize=20, cleanup=2.0):
    """Of pairs: when a request comes, and for how long it uses a connection."""
    requests = [Request(at, use, "all") for at, use in moments]
    return Trace("by hand", "", lambda seed: requests, maxsize, cleanup)


def built_in(name):
    return next(trace for trace in TRACES if trace.name == name)


def with_growth(growth):
    return Policy(growth.__name__, "", lambda site: Real(site, growth))


def with_pool(pool):
    return Policy(pool.__name__, "", lambda site: Real(site, pool=pool))


def kept_to_cleanup():
    return Policy("cleanup", "", lambda site: Real(site, demand=Everything))


def predicting():
    return Policy("predicting", "", lambda site: Real(site, Predicted, Predicting))


def run(policy, *moments, connect=SECOND, **pool):
    return simulate(trace(*moments, **pool), policy.build, connect, seed=0)


@pytest.fixture
def opened_at(monkeypatch):
    """The moments at which the server was asked for a connection, from the start of the run."""
    moments = []
    open_ = Server.open

    def spied(self):
        moments.append(round(self._simulation.now - 1000, 3))
        return open_(self)

    monkeypatch.setattr(Server, "open", spied)
    return moments


# ---- arithmetic


def test_held_and_waits_of_the_reference():
    outcome = run(FREE, (0, 1), (0.5, 1), connect=QUARTER)
    assert outcome.waits == {"all": [0.25, 0.25]}
    # 0 to 1.25 + 2 idle, and 0.5 to 1.75 + 2 idle
    assert outcome.held == pytest.approx(3.25 + 3.25)
    assert (outcome.needed, outcome.openings, outcome.most, outcome.left) == (2, 2, 2, 0)


def test_the_reference_queues_at_the_limit():
    outcome = run(FREE, (0, 1), (0.5, 1), connect=QUARTER, maxsize=1)
    assert outcome.waits == {"all": [0.25, 0.75]}
    assert outcome.held == pytest.approx(2.25 + 2)
    assert (outcome.openings, outcome.most) == (1, 1)


def test_the_reference_uses_last_what_was_used_first():
    # The second connection is idle from 1.25 on, for 2 s: of the two it was used first.
    outcome = run(FREE, (0, 2), (0, 1), (3, 1), connect=QUARTER)
    assert outcome.openings == 2
    assert outcome.held == pytest.approx(1.25 + 2 + 4 + 2)


def test_needed_is_what_is_there_at_each_moment_up_to_the_limit():
    # Three at once over two connections: two are needed in the first second, one in the next.
    assert needed([Request(0, 1, "all")] * 3) == 2 + 1


def test_the_pool_alone_with_one_request_is_as_good_as_the_reference():
    own, free = (run(policy, (0, 1), connect=QUARTER) for policy in (OWN, FREE))
    assert own.waits == free.waits
    assert own.held == pytest.approx(free.held)


def test_openings_that_share_a_processor_slow_each_other_down():
    shared = Connect("shared", 0.25, shared=True)
    outcome = run(FREE, (0, 1), (0, 1), (9, 1), connect=shared)
    assert outcome.waits["all"][:2] == pytest.approx([0.5, 0.5], rel=0.1)
    assert outcome.waits["all"][2] == pytest.approx(0.25)


def test_outcomes_of_several_seeds_add_up():
    total = Outcome({"a": [1.0]}, 5.0, 2.0, 3, 0, 4)
    total.add(Outcome({"a": [2.0], "b": [3.0]}, 1.0, 1.0, 1, 2, 1))
    assert total == Outcome({"a": [1.0, 2.0], "b": [3.0]}, 6.0, 3.0, 4, 2, 4)


def test_percentiles():
    numbers = list(range(1, 201))
    assert [judge.percentile(numbers, part) for part in (0.0, 0.5, 0.99, 1.0)] == [1, 100, 198, 200]


def test_the_frontier():
    points = {"slow": (2.0, 1.0), "dear": (1.0, 2.0), "both": (2.0, 2.0), "nearly": (2.0, 1.001)}
    found = [name for name in points if judge.undominated(name, points)]
    assert found == ["slow", "dear", "nearly"]


# ---- runs


def test_a_seed_decides_everything():
    day = built_in("day")
    first, again, other = (simulate(day, OWN.build, CONNECTS[1], seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("name", ["cold spike", "bursts"])
def test_no_policy_exceeds_the_limit_or_leaves_anything(policy, name):
    outcome = simulate(built_in(name), policy.build, CONNECTS[1], seed=0)
    requests = built_in(name).requests(0)
    assert sum(map(len, outcome.waits.values())) == len(requests)
    assert 0 < outcome.most <= built_in(name).maxsize
    assert outcome.left == 0


def test_an_error_ends_the_run():
    class Broken:
        def acquire(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Policy("broken", "", lambda site: Broken()), (0, 1))


def test_a_request_that_is_never_served_ends_the_run():
    class Never:
        def __init__(self, site):
            self.acquire = lambda: site.simulation.sleep(float("inf"))

    with pytest.raises(AssertionError, match="1 requests of 'by hand' are never served"):
        run(Policy("never", "", Never), (0, 1))


# ---- opening


@pytest.mark.parametrize(
    ("growth", "moments"),
    [
        (Eager, [0] * 8),
        (OneAtATime, [0, 1, 2, 3, 4, 5, 6, 7]),
        (SlowStart, [0, 1, 1, 2, 2, 2, 2, 3]),
        (FromTwo, [0, 0, 1, 1, 1, 1, 2, 2]),
        (FromFour, [0, 0, 0, 0, 1, 1, 1, 1]),
        (FromEight, [0] * 8),
        (Steady, [0, 0, 0, 0, 1, 1, 1, 1]),
        (Growth, [0, 0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_how_many_open_at_once(growth, moments, opened_at):
    run(with_growth(growth), *[(0, 100)] * 8)
    assert opened_at == moments


@pytest.mark.parametrize(("growth", "number"), [(FromFour, 20), (Steady, 12), (Growth, 20)])
def test_four_at_a_time_grow_or_do_not(growth, number, opened_at):
    run(with_growth(growth), *[(0, 100)] * 20)
    assert len([moment for moment in opened_at if moment <= 2]) == number


def test_only_prediction_leaves_an_opening_to_the_next_release():
    moments = (0, 0.01), (2, 0.01), (2.001, 0.01)
    assert run(predicting(), *moments).openings == 1
    assert run(OWN, *moments).openings == 2


def test_waiting_added_up_corrects_a_prediction():
    moments = (0, 0.01), (1.5, 3), (1.6, 1)
    # After a second of waiting an opening, which takes another one; else the release at 4.5.
    assert max(run(predicting(), *moments).waits["all"]) == pytest.approx(2.0, abs=0.01)


# ---- closing


def test_the_more_are_idle_the_sooner_one_is_closed():
    moments = [(0, 1)] * 2
    policies = kept_to_cleanup(), with_pool(Shared)
    own, shared = (run(policy, *moments, cleanup=16.0) for policy in policies)
    assert own.held - shared.held == pytest.approx(8.0, abs=3.0)  # looks now and then


def test_rent_closes_after_a_hundred_openings():
    connect = Connect("10 ms", 0.01)
    own = run(OWN, (0, 1), connect=connect, cleanup=3.2)
    rent = run(with_pool(Rent), (0, 1), connect=connect, cleanup=3.2)
    assert own.held == pytest.approx(0.01 + 1 + 3.2)
    assert rent.held == pytest.approx(0.01 + 1 + 1, abs=0.6)


def test_what_the_load_does_not_need_is_closed_early():
    crowd = [(0, 0.1)] * 10
    alone = [(1 + number / 2, 0.1) for number in range(20)]
    policies = kept_to_cleanup(), OWN
    late, early = (
        run(policy, *crowd, *alone, connect=CONNECTS[1], cleanup=4.0) for policy in policies
    )
    assert early.held < late.held * 0.7
    assert early.openings == late.openings  # what it has kept was enough


# ---- recorded traces


def test_a_recorded_trace_is_sorted(tmp_path):
    file = tmp_path / "trace"
    file.write_text('{"at": 2, "use": 0.5}\n\n{"at": 1.5, "use": 0.1, "phase": "peak", "x": 0}\n')
    found = recorded(file, 7, 5.0)
    assert found.requests(0) == [Request(1.5, 0.1, "peak"), Request(2, 0.5, "all")]
    assert (found.maxsize, found.cleanup) == (7, 5)


@pytest.mark.parametrize(
    "text", ["", "1", "x", '{"at": 1}', '{"at": -1, "use": 1}', '{"at": 1, "use": NaN}']
)
def test_what_is_no_trace_is_refused(text, tmp_path):
    file = tmp_path / "trace"
    file.write_text(text)
    with pytest.raises(LoadTestError):
        recorded(file, 20, 3.0)


def test_a_trace_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LoadTestError):
        recorded(tmp_path / "none", 20, 3.0)


# ---- the command line


@pytest.fixture
def policies(monkeypatch, capsys):
    """Runs the command line with these arguments: exit code, output, errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["policies", *map(str, arguments)])
        return main(), *capsys.readouterr()

    return call


def test_a_run_from_start_to_end(policies, tmp_path):
    file, page = tmp_path / "r.json", tmp_path / "r.md"
    options = ("--only", "cold growth", "--seeds", 1)
    code, out, _ = policies(*options, "--json", file, "--markdown", page)
    assert code == 0
    data = json.loads(file.read_text())
    names = {(row["side"], row["connect"], row["policy"]) for row in data["rows"]}
    assert names == {
        (side, connect.name, policy.name)
        for side, policies in SIDES.items()
        for connect in CONNECTS
        for policy in policies
    }
    references = [worth for worth in data["worth"] if worth["policy"] == REFERENCE]
    assert len(references) == len(SIDES) * (len(CONNECTS) + 1)
    for worth in references:
        assert [worth[key] for key in ("held", "wait", "openings", "worse")] == [1, 1, 1, 0]
    own = next(row for row in data["rows"] if row["policy"] == OWN.name)
    cells = f"| {own['connect']} | {OWN.name} |"
    assert cells in " ".join(page.read_text().split())
    assert OWN.name in out
    assert policies(*options, "--json", file)[0] == 0
    assert json.loads(file.read_text())["rows"] == data["rows"]


def test_a_recorded_trace_is_simulated(policies, tmp_path):
    file = tmp_path / "trace"
    file.write_text('{"at": 0, "use": 0.5}\n{"at": 0.1, "use": 0.1}\n')
    code, out, _ = policies("--trace", file, "--seeds", 1, "--maxsize", 1)
    assert code == 0
    assert "limit 1" in out
    assert "--trace FILE" in out
    assert str(file) not in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "no such"],
        ["--only", "day", "--trace", "x"],
        ["--trace", "/no/such"],
        ["--seeds", "0"],
        ["--json", "x", "--markdown", "x"],
    ],
)
def test_what_cannot_be_done_takes_one_line(policies, arguments):
    code, out, errors = policies(*arguments)
    assert (code, out, errors.count("\n")) == (2, "", 1)


def test_the_help_names_the_traces(policies):
    code, out, _ = policies("--help")
    assert code == 0
    assert all(name in " ".join(out.split()) for name in ("day", "heavy tail", "--cleanup"))
