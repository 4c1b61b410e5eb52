"""What the report says of a run, and what it says of files that it cannot read."""

from __future__ import annotations

import io
import json
from html import unescape

import pytest
from example_runs import results
from rich.console import Console

from loadtests.arrivals import Phase
from loadtests.report import Report, pair, print_summary, tables
from loadtests.report.charts.over_time import over_time
from loadtests.report.charts.thin import POINTS, closed
from loadtests.report.charts.timeline import Timeline
from loadtests.report.charts.totals import totals
from loadtests.report.page import html
from loadtests.report.reading import problem

SHORT = (Phase("low", 2, 20, 20), Phase("high", 3, 60, 60))


def run(**changes):
    return results(phases=SHORT, **changes)


def test_the_examples_are_of_the_format():
    assert problem(run()) is None
    assert problem(run(ours=False)) is None


def test_the_terminal_says_what_the_page_says():
    data = run(maxsize=1, maxwait=0.2)
    data["recommendation"] = [{"option": "maxsize", "value": 2, "reason": "[1] is too few"}]
    console = Console(width=200, record=True, file=io.StringIO())
    print_summary(console, data)
    said, page = console.export_text(), unescape(html(data))
    shown = [tables.phases(data), tables.connections(data), tables.pool(data), tables.cpu(data)]
    for table in [*shown, tables.recommendation(data)]:
        for text in (said, page):
            assert table.title in text
            for row in table.rows:
                assert all(cell in text for cell in row)


def test_what_went_wrong_comes_first():
    data = {**run(), "interrupted": True, "failure": "a worker has died"}
    page = html(data)
    assert 0 < page.index("a worker has died") < page.index("interrupted") < page.index("Phases")


def test_text_from_outside_is_shown_and_not_run():
    data = run()
    data["command"] = "python </script><script>alert(1)</script>"
    data["events"] = [{"at": 1.0, "name": "</script><b>"}]
    page = html(data)
    assert "<script>alert" not in page
    assert "</script><b>" not in page


def titles(data):
    return [figure.title for figure in (*over_time(data), *totals(data))]


def test_no_empty_charts():
    quiet = results(phases=(Phase("night", 3, 0, 0),))
    assert "Latency of completed requests" not in titles(quiet)
    assert "Distribution of latency" not in titles(quiet)
    assert "Errors by kind" not in titles(run())
    assert "Waiting for a connection" not in titles(run(ours=False))
    assert "Errors by kind" in titles(run(maxsize=1, maxwait=0.01))
    html(quiet)


def test_a_run_that_was_cut_off_at_once():
    data = results(phases=(Phase("night", 1, 0, 0),))
    unknown = "peak_server", "end_server", "connection_seconds", "ideal_connection_seconds"
    data |= {"seconds": 0.01, "interrupted": True, "phases": {}, "pool": dict.fromkeys(unknown)}
    data["series"] = {"seconds": [], "samples": []}
    assert problem(data) is None
    assert "interrupted after 0.0 s" in html(data)
    print_summary(Console(file=io.StringIO()), data)
    pair.html(data, run(), ["cut", "whole"])


def test_long_runs_keep_their_peaks():
    data, length = run(), 3000
    second, sample = data["series"]["seconds"][1], data["series"]["samples"][5]
    seconds = [{**second, "second": at} for at in range(length)]
    samples = [{**sample, "at": place / 5} for place in range(5 * length)]
    samples[7777].update(waiting=55, server=99)
    long = {**data, "seconds": length, "series": {"seconds": seconds, "samples": samples}}
    made = {figure.title: figure.spec["datasets"] for figure in over_time(long)}
    assert max(row["waiting"] for row in made["Waiting for a connection"]["rows"]) == 55
    assert max(row["server"] for row in made["Connections by state"]["all"]) == 99
    rows = [datasets["rows"] for datasets in made.values()]
    assert all(len(one) <= POINTS + 1 for one in rows)
    assert all(row["until"] <= 50 for one in rows for row in one)  # minutes


def test_what_is_stacked_has_one_value_at_a_time_also_where_the_server_does_not_answer():
    data = run()
    for sample in data["series"]["samples"][4:9]:
        sample["server"] = None
    made = {figure.title: figure.spec["datasets"]["rows"] for figure in over_time(data)}
    for title in ("Connections by state", "Waiting for a connection"):
        moments = [row["at"] for row in made[title]]
        assert moments == sorted(set(moments)), title


def test_a_step_lasts_until_its_end():
    rows = [
        {"at": 0, "until": 1, "value": 5},
        {"at": 1, "until": 2, "value": None},
        {"at": 2, "until": 3, "value": 7},
    ]
    assert [(row["at"], row["value"]) for row in closed(rows)] == [
        (0, 5), (1, 5), (1, None), (2, 7), (3, 7)
    ]  # fmt: skip


def test_numbers_of_events_do_not_overlap():
    events = [{"at": at, "name": "something"} for at in (5.0, 5.1, 30.0)]
    shown = Timeline(60.0, events=events).data()["events"]
    assert [(row["at"], row["number"]) for row in shown] == [(5.0, "1 2"), (5.1, ""), (30.0, "3")]


def test_two_runs_side_by_side():
    a, b = run(maxsize=4), run(maxsize=2)
    difference, rates, latency, _, whole = pair.compared(a, b)
    assert difference.rows == (("maxsize", "4", "2"),)
    assert [row[0] for row in rates.rows] == ["low", "high", "all"]
    p50 = a["total"]["latency"]["p50"], b["total"]["latency"]["p50"]
    assert latency.rows[-1][3] == f"{p50[1] / p50[0]:.2f}"
    assert ("memory of the site at most, MiB", "98.0", "98.0", "1.00") in whole.rows
    assert ("connections at most, the server's count", "4", "2", "0.50") in whole.rows
    assert pair.differences(a, a).rows[0][0] == "nothing"
    newer = {**a, "versions": {**a["versions"], "PostgreSQL": "19"}}
    newer["machine"] = a["machine"] = {**a["machine"], "postgresql": "embedded"}
    assert pair.differences(a, newer).rows == (("PostgreSQL", "18.4", "19"),)
    assert pair.ratio(0.0, 1.0) == "-"


def test_the_page_is_made_anew(command_line, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(run()))
    code, out, err = command_line("report", str(path))
    assert (code, err) == (0, "")
    assert out.endswith(f"report: {tmp_path / 'a.html'}\n")
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")


def test_two_runs_make_one_page(command_line, tmp_path):
    for name, maxsize in {"a": 4, "b": 2}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(run(maxsize=maxsize)))
    paths = [str(tmp_path / f"{name}.json") for name in "ab"]
    code, out, _ = command_line("report", "--compare", *paths, "--reports", str(tmp_path / "new"))
    assert code == 0
    assert "B / A" in out
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a-and-b.html"]


def without(*keys):
    data = part = run()
    for key in keys[:-1]:
        part = part[key]
    del part[keys[-1]]
    return json.dumps(data)


BROKEN = {
    "missing": (None, "No such file"),
    "no JSON": ("{", "not JSON"),
    "binary": (b"\xff\xfe\x00", "not JSON"),
    "something else": ("[1, 2]", "not the results of a load test"),
    "a comparison": (
        '{"format": 1, "kind": "comparison"}',
        "the results of a comparison, which has its own page, not of one run",
    ),
    "newer": (json.dumps({"format": 99}), "format 99"),
    "cut": (without("total"), "'total' is a required property"),
    "a part is cut": (without("phases", "low", "wait"), "$.phases.low: 'wait' is a required"),
    "no date": (json.dumps({**run(), "began": "yesterday"}), "$.began"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_cannot_be_read(command_line, tmp_path, case):
    content, expected = BROKEN[case]
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, err = command_line("report", str(path))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: ")
    assert err.count("\n") == 1
    assert expected in err


def places(value, path=()):
    """Of everything in the data; in lists, of the first only."""
    if isinstance(value, dict):
        for key in value:
            yield (*path, key)
            yield from places(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield (*path, 0)
        yield from places(value[0], (*path, 0))


@pytest.mark.long
@pytest.mark.parametrize("wrong", [..., None, "text", -1], ids=["gone", "null", "text", "negative"])
def test_what_the_schema_lets_pass_can_be_shown(wrong):
    whole = {**results(phases=SHORT[:1]), "kinds": {}, "versions": {}, "machine": {}}
    accepted = 0
    for *path, key in places(whole):
        data = part = json.loads(json.dumps(whole))
        for step in path:
            part = part[step]
        if wrong is ...:
            del part[key]
        else:
            part[key] = wrong
        if problem(data) is None:
            accepted += 1
            print_summary(Console(file=io.StringIO()), data)
            pair.compared(data, whole)
            assert all(figure.text for figure in (*over_time(data), *totals(data)))
    assert accepted < 100


def test_how_many_files_there_must_be(command_line):
    for arguments in (["--compare", "a.json"], ["a.json", "b.json"]):
        code, _, err = command_line("report", *arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert "--compare that of two" in err


def test_runs_that_began_in_the_same_second_each_have_a_report(tmp_path):
    report = Report(tmp_path, "steady")
    pages = [report.write({**run(), "command": command}) for command in ("one", "two")]
    assert len({*pages}) == 2
    for command, page in zip(("one", "two"), pages, strict=True):
        assert json.loads(page.with_suffix(".json").read_text())["command"] == command
