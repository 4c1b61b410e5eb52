"""What the terminal shows of a run while it goes on."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from loadtests.display import Frame, LiveDisplay, PlainDisplay
from loadtests.watcher import Sample

SAMPLE = Sample(
    at=31.0,
    size=8,
    idle=1,
    in_use=7,
    opening=0,
    closing=0,
    waiting=120,
    server=9,
    needed=8,
    openings=20,
    evictions=12,
)
FRAME = Frame(
    elapsed=31.2,
    total=58.0,
    phases=("quiet", "peak", "night"),
    phase=1,
    maxsize=8,
    sample=SAMPLE,
    offered=200.0,
    throughput=180.0,
    p99=0.25,
    errors={"PoolExhausted": 3, "OperationalError": 40},
    events=("30.0 s server stopped",),
)


def shown(frame, display=LiveDisplay, width=100):
    """The last picture."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=40, force_terminal=display is LiveDisplay)
    with display(console) as screen:
        screen.show(frame)
        return file.getvalue()


def test_the_table():
    text = shown(FRAME)
    for expected in (
        "peak", "night", "31 of 58 s", "in use", "120", "of 8", "180/s, p99 250.0 ms",
        "OperationalError 40, PoolExhausted 3", "30.0 s server stopped",
    ):  # fmt: skip
        assert expected in text


def test_bars_fit_beside_the_numbers():
    crowd = replace(FRAME, sample=replace(SAMPLE, waiting=20_000))
    assert shown(crowd).count("█") <= 3 * 40
    assert "20\N{NARROW NO-BREAK SPACE}000" in shown(crowd)


def test_a_long_run_names_only_its_phase():
    frame = replace(FRAME, phases=tuple(f"wave {number}" for number in range(96)), phase=11)
    assert "wave 11, phase 12 of 96" in shown(frame)


def test_an_engine_that_says_nothing_about_its_pool():
    states = dict.fromkeys(("size", "idle", "in_use", "opening", "closing", "waiting"))
    text = shown(replace(FRAME, sample=replace(SAMPLE, **states)))
    assert "idle" not in text
    assert "counted by PostgreSQL" in text
    assert "in use  -" in shown(replace(FRAME, sample=replace(SAMPLE, **states)), PlainDisplay)


def test_before_the_first_sample():
    assert "0/s" in shown(replace(FRAME, sample=None, throughput=0.0))
    assert shown(replace(FRAME, sample=None), PlainDisplay) == ""


def test_plain_is_a_line_per_second():
    file = io.StringIO()
    with PlainDisplay(Console(file=file, width=60)) as screen:
        for elapsed in (1.6, 1.9, 2.0, 2.9):
            screen.show(replace(FRAME, elapsed=elapsed))
        screen.say("stopping ...")
    first, second, last = file.getvalue().splitlines()
    assert first.startswith("  1s peak")
    assert "waiting 120" in first
    assert second.startswith("  2s peak")
    assert last == "stopping ..."
