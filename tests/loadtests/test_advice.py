"""What is recommended, from a run and from log lines: the numbers, and that they are told."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import gevent
import pytest
import structlog
from example_runs import results
from fakes import FakeDriver

from django_pgpool.observers.structlog import log_event
from django_pgpool.options import PoolOptions
from django_pgpool.pool.measured import MeasuredPool
from django_pgpool.pool.runtime import GeventRuntime
from loadtests.advice import Profile, erlang, recommend, recommendations, rules
from loadtests.advice.from_lines import read
from loadtests.advice.from_run import profile_of
from loadtests.advice.parsing import NEEDED, Unreadable, parse
from loadtests.arrivals import Phase
from loadtests.sweep import knee

CALM = Profile(
    maxsize=20,
    maxwait=10.0,
    expires=300.0,
    cleanup=20.0,
    processes=4,
    in_use=7,
    needed=7,
    usual=5,
    load=2.0,
    limited_wait=None,
    longest_wait=0.012,
    use=0.01,
    opening=0.02,
    acquires=100_000,
    waits=7,
    exhausted=0,
    rejected=0,
    openings=60,
    idle_closed=60,
    expired=10,
    held=10_000.0,
    used=4_000.0,
    late_reuses=500,
    late_reuse_seconds=100.0,
)
FULL = replace(
    CALM, maxsize=8, in_use=8, needed=15, usual=11, load=5.0, limited_wait=0.04, waits=9000
)


def run(**changes):
    """The data of a short run."""
    return results(phases=(Phase("rush", 3, 100, 150),), **changes)


def advice(profile, *arguments):
    """By option."""
    return {line.option: line for line in recommendations(profile, *arguments)}


PAGE = Path(__file__).parents[2] / "docs" / "loadtests.md"


def test_the_page_names_the_numbers_that_count():
    text = " ".join(PAGE.read_text().split())
    for part in (
        f"down to {rules.SPARE:g} times what was in use",
        f"at most {rules.MAY_WAIT:.0%} of callers wait".replace("%", " %"),
        f"at least {rules.SHORTEST:g} s",
        f"more than {100 * rules.SEEN:g} % of the requests had to open",
        f"then at most {100 * rules.UNSEEN:g} % had to and a tenth",
        f"and {rules.RESERVED} that PostgreSQL keeps",
        f"at least {100 * (1 - knee.THROUGHPUT):g} % of the best throughput",
        f"more than {100 * knee.ERRORS:g} % of the requests failing",
        f"at most {100 * knee.LATENCY:g} % above the lowest",
    ):
        assert part in text
    assert (rules.PATIENCE, rules.STEP, rules.WORTH, knee.WAITING) == (4, 2, 0.1, 0.1)


# ---- maxsize


def test_erlangs_formula():
    """Against a table: T. Bonald, M. Feuillet, Network Performance Analysis, 2011, and by hand."""
    assert erlang.waiting(1, 0.5) == pytest.approx(0.5)
    assert erlang.waiting(3, 2.0) == pytest.approx(4 / 9)
    assert erlang.waiting(10, 8.0) == pytest.approx(0.409, abs=0.001)
    assert erlang.waiting(5, 5.0) == 1.0
    number = erlang.enough(8.0, 0.01)
    assert erlang.waiting(number, 8.0) <= 0.01 < erlang.waiting(number - 1, 8.0)


def test_a_limit_that_was_never_reached_may_be_lower():
    line = advice(CALM)["maxsize"]
    assert line.value == "11 (now 20)"
    assert "Never were more than 7 of 20" in line.reason


def test_it_is_kept_where_little_would_be_won():
    assert advice(replace(CALM, in_use=15))["maxsize"].value == "20 (as it is)"


def test_waiting_that_is_shorter_than_the_work_is_no_reason_for_more():
    line = advice(replace(FULL, limited_wait=0.004))["maxsize"]
    assert line.value == "8 (as it is)"
    assert "9 % of the callers had to wait, in the worst time 1 % longer than 4.0 ms" in line.reason


def test_who_waited_in_vain_is_one_of_the_callers():
    crowded = replace(FULL, acquires=800, waits=1000, exhausted=200)
    assert "100 % of the callers had to wait" in advice(crowded)["maxsize"].reason
    assert replace(FULL, acquires=800, waits=500, exhausted=200).waiting == 0.5


def test_a_limit_that_hurts_is_raised_to_what_erlang_says():
    line = advice(replace(FULL, usual=9))["maxsize"]
    assert line.value == f"{erlang.enough(5.0, 0.01)} (now 8)"
    assert "5.0 were in use on average" in line.reason


def test_or_to_what_bursts_have_needed():
    assert advice(replace(FULL, usual=15))["maxsize"].value == "15 (now 8)"


@pytest.mark.parametrize("load", [7.9, 8.0])
def test_never_to_more_than_double_of_what_was_tried(load):
    line = advice(replace(FULL, usual=200, load=load))["maxsize"]
    assert line.value == "16 (now 8)"
    assert "sweep" in line.reason


def test_who_was_refused_is_a_reason_whatever_the_others_waited():
    line = advice(replace(FULL, limited_wait=0.0, exhausted=3, rejected=1))["maxsize"]
    assert line.value != "8 (as it is)"
    assert "3 callers got PoolExhausted after maxwait, and 1 caller found the queue" in line.reason


def test_who_waited_in_vain_for_an_opening_is_not_helped_by_a_larger_or_smaller_limit():
    line = advice(replace(CALM, exhausted=3))["maxsize"]
    assert line.value == "20 (as it is)"
    assert "opened" in line.reason


# ---- maxwait


@pytest.mark.parametrize(
    ("longest", "exhausted", "value"),
    [
        (0.012, 0, "1 s (now 10 s)"),
        (0.9, 0, "4 s (now 10 s)"),
        (2.0, 0, "10 s (as it is)"),
        (7.3, 0, "15 s (now 10 s)"),
        (10.0, 5, "10 s (as it is)"),
    ],
)
def test_maxwait_against_the_longest_wait(longest, exhausted, value):
    line = advice(replace(FULL, longest_wait=longest, exhausted=exhausted))["maxwait"]
    assert line.value == value
    assert ("in vain" in line.reason) == bool(exhausted)


# ---- cleanup and expires


def test_cleanup_is_halved_where_nobody_would_notice():
    line = advice(replace(CALM, late_reuses=20, late_reuse_seconds=1500.0))["cleanup"]
    assert line.value == "10 s (now 20 s)"
    assert "20 reconnects more and saved about 2\N{NARROW NO-BREAK SPACE}100 conn" in line.reason


@pytest.mark.parametrize(
    ("late", "seconds"),
    [(500, 5000.0), (20, 100.0), (None, 0.0)],
    ids=["costs", "saves little", "not known"],
)
def test_else_it_is_kept(late, seconds):
    line = advice(replace(CALM, late_reuses=late, late_reuse_seconds=seconds))["cleanup"]
    assert line.value == "20 s (as it is)"
    assert "60 connections closed as idle, so that up to 0.06 % of 100" in line.reason


def test_cleanup_is_doubled_where_requests_open_again_what_was_just_closed():
    line = advice(replace(CALM, acquires=3000))["cleanup"]
    assert line.value == "40 s (now 20 s)"
    assert "2 % of 3\N{NARROW NO-BREAK SPACE}000 requests" in line.reason
    assert "at most 1\N{NARROW NO-BREAK SPACE}200 connection-seconds" in line.reason


def test_a_handful_of_closed_connections_is_no_reason():
    assert advice(replace(CALM, acquires=100, idle_closed=7))["cleanup"].value.endswith(
        "(as it is)"
    )


def test_a_pool_that_closes_nothing_is_told_what_that_holds():
    line = advice(replace(CALM, cleanup=None))["cleanup"]
    assert line.value == "20 s (now None)"
    assert "(60 %)" in line.reason


@pytest.mark.parametrize(
    ("expired", "expires", "value"),
    [
        (0, 300.0, "300 s (as it is)"),
        (10, 300.0, "300 s (as it is)"),
        (5000, 300.0, "600 s (now 300 s)"),
        (0, None, "None (as it is)"),
    ],
)
def test_expires(expired, expires, value):
    assert advice(replace(CALM, expired=expired, expires=expires))["expires"].value == value


# ---- the server


def test_max_connections_for_all_workers():
    line = advice(CALM)["max_connections"]
    assert line.value == "at least 47"
    assert "4 workers x maxsize 11 = 44, and 3" in line.reason
    assert advice(CALM, 2)["max_connections"].value == "at least 25"
    assert advice(CALM, 8, 100)["max_connections"].value == "100 (as it is)"


def test_what_the_server_has_no_room_for_is_not_recommended():
    lines = advice(replace(FULL, usual=16), 8, 100)
    assert lines["maxsize"].value == "12 (now 8)"
    assert "leaves each of 8 workers no more than 12" in lines["maxsize"].reason
    assert lines["max_connections"].value == "100 (as it is)"
    assert advice(CALM, 200, 100)["max_connections"].value == "at least 203 (now 100)"


# ---- from a run


def test_a_run_is_judged():
    lines = {line.option: line for line in recommend(results())}
    assert [*lines] == ["maxsize", "maxwait", "cleanup", "expires", "max_connections"]
    assert lines["maxsize"].value == "16 (now 8)"


def test_one_full_worker_of_several_has_reached_its_limit():
    data = run(maxsize=16)
    data["scenario"]["workers"], data["settings"]["maxsize"] = 2, 8
    line = {line.option: line for line in recommend(data)}["maxsize"]
    assert line.reason.startswith("Never were more than ")  # half of all in each
    busiest = max(data["series"]["samples"], key=lambda sample: sample["in_use"])
    busiest |= {"most_in_use": 8, "most_wanted": 20}
    assert profile_of(data).needed == 20
    line = {line.option: line for line in recommend(data)}["maxsize"]
    assert line.reason.startswith("The limit was reached")


def test_what_is_short_because_the_run_is_is_no_number_for_a_site():
    said = {line.option: line.reason for line in recommend(run())}
    for option in ("cleanup", "expires"):
        default = rules.DEFAULTS[option]
        assert default == getattr(PoolOptions(), option)
        assert said[option].endswith(
            f"on a site begin with the default, {default:g} s, and ask `advise`."
        )
        assert "on a site begin" not in advice(replace(FULL, **{option: 1.0}))[option].reason
    longer = run()
    longer["settings"]["cleanup"] = 20.0
    (line,) = (line for line in recommend(longer) if line.option == "cleanup")
    assert "on a site begin" not in line.reason


def test_other_engines_unused_pools_and_what_is_no_ordinary_load_get_no_advice():
    assert recommend(run(ours=False)) == []
    assert recommend(run(name="outage")) == []
    assert recommend({**run(), "interrupted": True}) == []
    assert recommendations(replace(CALM, acquires=0)) == []


# ---- from log lines


RENDERERS = {
    "json": structlog.processors.JSONRenderer(),
    "key=value": structlog.processors.KeyValueRenderer(),
    "logfmt": structlog.processors.LogfmtRenderer(),
    "console": structlog.dev.ConsoleRenderer(colors=False),
    "colours": structlog.dev.ConsoleRenderer(colors=True),
}


@pytest.fixture
def written():
    """Lines of a real pool's log, as the renderer writes them."""

    def write(renderer, uses=3):
        told = io.StringIO()
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                renderer,
            ],
            logger_factory=structlog.PrintLoggerFactory(told),
        )
        runtime = GeventRuntime()
        options = {"maxsize": 5, "cleanup": None, "stats_interval": 60.0, "observers": [log_event]}
        pool = MeasuredPool(FakeDriver(runtime), runtime=runtime, name="shop", **options)
        for _ in range(uses):
            slot = pool.acquire()
            pool.release(slot, slot.lease)
        pool.close()
        gevent.sleep(0.01)
        while "pool_stats" not in told.getvalue():
            gevent.sleep(0.01)
        return told.getvalue().splitlines()

    yield write
    structlog.reset_defaults()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_every_format_says_the_same(written, renderer):
    lines = written(RENDERERS[renderer])
    (found,) = filter(None, map(parse, lines))
    assert len(lines) > 1
    assert (found["alias"], found["maxsize"], found["acquires"]) == ("shop", 5, 3)
    assert found["cleanup"] is None
    assert isinstance(found["use_p50"], float)
    assert {key: type(found[key]) for key in NEEDED}


def around(line):
    """As it stands in logs that others write."""
    yield f"Nov 25 20:00:00 host gunicorn[17]: {line}"
    yield json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-25T20:00:00Z"})


@pytest.mark.parametrize("renderer", ["json", "key=value"])
def test_prefixes_and_wrappers_do_not_matter(written, renderer):
    line = written(RENDERERS[renderer])[-1]
    assert parse(line)
    for wrapped in around(line):
        assert parse(wrapped) == parse(line)


@pytest.mark.parametrize(
    "line",
    ["", "pool_statistics", "we log pool_stats now", '{"event": "pool_stats"}', "{pool_stats"],
)
def test_other_lines_are_other_lines(line):
    assert parse(line) is None


def test_a_line_that_was_cut_off_is_not_believed(written):
    line = written(RENDERERS["key=value"])[-1]
    with pytest.raises(Unreadable, match="without open_p50"):
        parse(line.replace("open_p50", "open"))
    with pytest.raises(Unreadable, match="acquires is 'many'"):
        parse(line.replace("acquires=3", "acquires=many"))


def lines_of(pid, *, alias="shop", **values):
    keys = dict.fromkeys(NEEDED, 0)
    settings = {"maxsize": 8, "maxwait": 10.0, "expires": 300.0, "cleanup": 20.0}
    usual = {"interval": 60.0, "acquires": 1000, "use_p50": 0.01, "open_p50": 0.02}
    merged = {**keys, **settings, **usual, "alias": alias, "pid": pid, **values}
    return json.dumps({"event": "pool_stats", **merged})


def test_sums_peaks_and_the_busiest_interval():
    log = read(
        [
            lines_of(1, in_use_max=3, use_seconds=60.0, needed_p99=3, wait_max=0.2),
            "something else",
            lines_of(
                2, in_use_max=8, waiting_max=4, use_seconds=300.0, needed_p99=11, wait_p99=0.5
            ),
            lines_of(1, in_use_max=2, use_seconds=30.0, needed_p99=2),
            lines_of(1, interval=0.01, use_seconds=0.08, acquires=1),
        ]
    )
    profile = log.pools["shop"].profile
    assert (profile.in_use, profile.load, profile.usual) == (8, 5.0, 11)
    assert (profile.limited_wait, profile.longest_wait) == (0.5, 0.2)
    assert (profile.acquires, profile.processes) == (3001, 2)


def test_processes_that_followed_each_other_were_not_there_at_once():
    log = read([lines_of(pid) for pid in (1, 2, 1, 2, 3, 4, 3, 4)])
    assert log.pools["shop"].processes == 2


def test_only_the_last_settings_count_and_each_pool_is_its_own():
    log = read(
        [
            lines_of(1, acquires=7),
            lines_of(1, alias="replica", acquires=5),
            lines_of(2, maxsize=16, acquires=9),
            '{"event": "pool_stats", "maxsize": 8}',
        ]
    )
    assert {alias: pool.profile.acquires for alias, pool in log.pools.items()} == {
        "replica": 5,
        "shop": 9,
    }
    assert (log.superseded, log.unreadable) == (1, 1)


# ---- the command line


@pytest.fixture
def advised(monkeypatch, capsys):
    from loadtests.cli import main

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["loadtests", "advise", *map(str, arguments)])
        return main(), *capsys.readouterr()

    return run


def test_the_log_of_a_site(advised, tmp_path, written):
    log = tmp_path / "pool.log"
    log.write_text("\n".join([*written(RENDERERS["logfmt"], uses=50), "a line of the site\xe9"]))
    code, out, err = advised(log, "--workers", "3", "--max-connections", "100")
    assert (code, err) == (0, "")
    assert "Pool shop" in out
    assert "3 workers x maxsize 2 = 6" in " ".join(out.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing of interest\n", "stats_interval"),
        (
            '{"event": "pool_stats", "maxsize": 8}\n',
            "1 lines pool_stats, but none that can be read",
        ),
        (None, "No such file"),
    ],
)
def test_a_log_without_lines_says_how_to_get_them(advised, tmp_path, text, expected):
    log = tmp_path / "pool.log"
    if text is not None:
        log.write_text(text)
    code, out, err = advised(log)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {log}: ")
    assert expected in err
    assert err.count("\n") == 1


def test_the_standard_loggers_lines_are_read(caplog, tmp_path):
    caplog.set_level(logging.INFO, logger="django_pgpool")
    runtime = GeventRuntime()
    options = {"stats_interval": 60.0, "observers": [log_event]}
    pool = MeasuredPool(FakeDriver(runtime), runtime=runtime, name="shop", **options)
    slot = pool.acquire()
    pool.release(slot, slot.lease)
    pool.close()
    while "pool_stats" not in caplog.text:
        gevent.sleep(0.01)
    assert read(caplog.text.splitlines()).pools["shop"].profile.acquires == 1
