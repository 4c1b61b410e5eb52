"""The command line: runs the scenarios one after the other and prints the table."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from .catalog import CATALOG
from .cluster import template
from .outcome import Outcome
from .table import complaints, table

ROOT = Path(__file__).parents[2]
_LAST_WORDS = 15


def main() -> int:
    """Exit code 0: nothing was lost. 1: something was. 2: there is no such scenario."""
    arguments = _parser().parse_args()
    console = Console()
    if not console.is_terminal:
        console.width = 150
    if arguments.list:
        for name, entry in CATALOG.items():
            console.print(f"{name:<12} {entry.text}", highlight=False)
        return 0
    with template():
        outcomes = {
            name: _timed(console, name, arguments.seed, quick=arguments.quick)
            for name in arguments.only or CATALOG
        }
    console.print(table(outcomes))
    for line in complaints(outcomes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if all(outcome.clean for outcome, _ in outcomes.values()) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Faults, kills and outages on PostgreSQL servers of its own: what is lost?",
        epilog="About nine minutes; with --quick about two. Exit code 1 if anything was lost.",
    )
    parser.add_argument("--quick", action="store_true", help="the short versions")
    parser.add_argument(
        "--only", metavar="NAME", action="append", choices=CATALOG, help="this one; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (default: 1)")
    return parser


def _timed(console: Console, name: str, seed: int, *, quick: bool) -> tuple[Outcome, float]:
    console.print(f"{name}: {CATALOG[name].text} ...", highlight=False, style="dim")
    started = time.monotonic()
    outcome = run_scenario(name, seed, quick=quick)
    return outcome, time.monotonic() - started


def run_scenario(name: str, seed: int, *, quick: bool) -> Outcome:
    """In a process of its own, which is given up when its time is over."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "outcome.json"
        arguments = [name, str(seed), "quick" if quick else "long", str(result)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.child", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            said, _ = process.communicate(timeout=CATALOG[name].seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            words = _last(said)
            return Outcome(hung=1, broken=[f"not ended within {CATALOG[name].seconds} s{words}"])
        except BaseException:
            process.kill()
            raise
        if not result.exists():
            return Outcome(broken=[f"ended with code {process.returncode}{_last(said)}"])
        outcome = Outcome.read(result)
        outcome.check(not said, f"it said{_last(said)}")
        outcome.check(process.returncode == 0, f"ended with code {process.returncode}")
        return outcome


def _last(said: str) -> str:
    lines = said.strip().splitlines()[-_LAST_WORDS:]
    return "".join(f"\n    {line}" for line in lines)
