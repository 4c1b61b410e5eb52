"""Small charts as SVG: lines and stacked areas over the last minutes, drawn by the server.

Their colours and strokes are classes of page.css: a strict Content-Security-Policy forbids others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, time

from .sampler import REMEMBERED, Sample

WIDTH, HEIGHT = 600, 120
NICE = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """One series; its name is also its class in page.css."""

    name: str
    label: str
    values: Sequence[float | None]
    now: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template needs. ``areas`` are stacked, ``lines`` are not."""

    title: str
    summary: str
    """For those who do not see it."""
    top: str
    areas: list[tuple[str, str]]
    """Class, path."""
    lines: list[tuple[str, str]]
    legend: list[Line]


def states(samples: Sequence[Sample]) -> Chart:
    """Connections by state, stacked, with the limit and those who wait."""
    snapshots = [sample.snapshot for sample in samples]
    now = snapshots[-1]
    stacked = [
        Line("in-use", "in use", [s.in_use for s in snapshots], str(now.in_use)),
        Line("idle", "idle", [s.idle for s in snapshots], str(now.idle)),
        Line(
            "changing",
            "opening or closing",
            [s.opening + s.closing for s in snapshots],
            str(now.opening + now.closing),
        ),
    ]
    limit = Line("limit", "maxsize", [s.maxsize for s in snapshots], str(now.maxsize))
    top = max(max(s.size, s.maxsize) for s in snapshots)
    xs = _xs(samples)
    below, areas = [0.0] * len(xs), []
    for line in stacked:
        above = [low + (value or 0) for low, value in zip(below, line.values, strict=True)]
        areas.append((line.name, _area(xs, below, above, top)))
        below = above
    busiest = max(s.in_use for s in snapshots)
    return Chart(
        "Connections",
        f"{_span(samples)}: at most {busiest} of {now.maxsize} in use, now {now.in_use}.",
        str(top),
        areas,
        [(limit.name, _path(xs, limit.values, top))],
        [*stacked, limit],
    )


def waiting(samples: Sequence[Sample]) -> Chart:
    """Callers in the queue."""
    values = [sample.snapshot.waiting for sample in samples]
    top = _nice(max(values))
    xs = _xs(samples)
    line = Line("waiting", "waiting", values, str(values[-1]))
    zeros = [0.0] * len(xs)
    return Chart(
        "Requests waiting",
        f"{_span(samples)}: at most {max(values)}, now {values[-1]}.",
        f"{top:g}",
        [(line.name, _area(xs, zeros, values, top))],
        [],
        [line],
    )


def durations(title: str, samples: Sequence[Sample], kind: str) -> Chart:
    """Median and 99th percentile of ``wait`` or ``use``, of each two seconds."""
    found = [getattr(sample, kind) for sample in samples]
    known = [quantiles for quantiles in found if quantiles is not None]
    top = _nice(max((quantiles.p99 for quantiles in known), default=0.0))
    now = found[-1]
    lines = [
        Line(
            name,
            label,
            [None if quantiles is None else getattr(quantiles, name) for quantiles in found],
            "-" if now is None else seconds(getattr(now, name)),
        )
        for name, label in (("p50", "median"), ("p99", "99th percentile"))
    ]
    xs = _xs(samples)
    longest = max((quantiles.max for quantiles in known), default=None)
    return Chart(
        title,
        f"{_span(samples)}: nothing."
        if longest is None
        else f"{_span(samples)}: "
        f"99 % within {seconds(max(q.p99 for q in known))} at the worst moment, "
        f"the longest {seconds(longest)}.",
        seconds(top) if known else "",
        [],
        [(line.name, _path(xs, line.values, top)) for line in lines],
        lines,
    )


def seconds(value: float) -> str:
    """With a unit that fits."""
    if value < 0.0009995:
        return f"{value * 1e6:.0f} µs"
    if value < 0.9995:
        return f"{value * 1e3:.3g} ms"
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def clock(at: float) -> str:
    """Wall time, in UTC, of a monotonic one, as the clock stands now."""
    return f"{datetime.fromtimestamp(time() - monotonic() + at, UTC):%H:%M:%S}"


def _span(samples: Sequence[Sample]) -> str:
    return f"Since {clock(samples[0].at)} UTC"


def _nice(top: float) -> float:
    """The next round number from there on."""
    if top <= 0:
        return 1.0
    power = 10.0**-12
    while power * 10 <= top:
        power *= 10
    return next(step * power for step in NICE if step * power >= top * 0.999999)


def _xs(samples: Sequence[Sample]) -> list[float]:
    end = samples[-1].at
    return [WIDTH * max(1 - (end - sample.at) / REMEMBERED, 0.0) for sample in samples]


def _y(value: float, top: float) -> float:
    return HEIGHT - HEIGHT * min(value / top, 1.0)


def _path(xs: Sequence[float], values: Sequence[float | None], top: float) -> str:
    """A line with gaps where there is no value; a single one is a dash."""
    path, pen = [], "M"
    for x, value in zip(xs, values, strict=True):
        if value is None:
            pen = "M"
        else:
            path.append(f"{pen}{x:.1f} {_y(value, top):.1f}" + ("h1" if pen == "M" else ""))
            pen = "L"
    return "".join(path)


def _area(xs: Sequence[float], below: Sequence[float], above: Sequence[float], top: float) -> str:
    if not any(high > low for low, high in zip(below, above, strict=True)):
        return ""
    there = [f"{x:.1f} {_y(high, top):.1f}" for x, high in zip(xs, above, strict=True)]
    back = [f"{x:.1f} {_y(low, top):.1f}" for x, low in zip(xs, below, strict=True)][::-1]
    return "M" + "L".join([*there, *back]) + "Z"
