"""Self-contained HTML pages: style, charts and the program that draws them are inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import altair as alt
import jinja2
import vl_convert

from . import tables
from .charts.over_time import over_time
from .charts.style import Figure
from .charts.totals import totals
from .summary import notes, tiles


def html(data: dict[str, Any]) -> str:
    """The report of one run."""
    summary = [tables.phases(data)]
    if data["events"]:
        summary.append(tables.events(data))
    if data.get("recommendation"):
        summary.insert(0, tables.recommendation(data))
    return render(
        "run.html",
        [*over_time(data), *totals(data)],
        data=data,
        began=datetime.fromisoformat(data["began"]),
        notes=notes(data),
        tiles=tiles(data),
        summary=summary,
        details=[
            tables.connections(data),
            *([tables.kinds(data)] if len(data["kinds"]) > 1 else []),
        ],
        facts=[
            make(data)
            for make in (
                tables.pool,
                tables.cpu,
                tables.settings,
                tables.load,
                tables.versions,
                tables.machine,
            )
        ],
    )


def render(template: str, figures: Sequence[Figure], **context: Any) -> str:
    """The page of one of the templates; those extend ``base.html``. The n-th of ``figures`` is
    drawn in the element ``chart-n``."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("loadtests.report"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["slug"] = lambda text: re.sub(r"\W+", "-", text.lower()).strip("-")
    specs = [figure.spec for figure in figures]
    return environment.get_template(template).render(
        figures=figures, specs=specs, vega=_vega(), **context
    )


@cache
def _vega() -> str:
    """The program that draws the charts, in the version that Altair writes for."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    program = vl_convert.javascript_bundle(  # type: ignore[call-arg]  # stubs: no default snippet
        vl_version=version
    )
    # ``</script>`` inside it would end the script of the page.
    return program.replace("</script>", "<\\/script>")
