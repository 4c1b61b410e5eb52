"""The panel itself. django-debug-toolbar keeps what it records, perhaps in another process: plain
data, words already."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from debug_toolbar.panels import Panel
from django.template import Context, Engine

from .. import registry
from ..page.charts import seconds
from .record import Use, Uses, begin, end

_engine = Engine(dirs=[str(Path(__file__).parent)])
"""Of its own: the site's templates may be of another kind, and need not know of this package."""


class PoolPanel(Panel):
    """How often this request took a connection from a pool, how long it waited for it and held it,
    and what the pools were doing at its end."""

    title = "Connection pools"
    nav_title = "Pools"

    @property
    def nav_subtitle(self) -> str:
        """The sums, in the side bar."""
        return str(self._stats.get("summary", ""))

    @property
    def content(self) -> str:
        """HTML."""
        return str(_engine.get_template("panel.html").render(Context(self._stats)))

    @property
    def _stats(self) -> dict[str, Any]:
        recorded: dict[str, Any] = self.get_stats()  # type: ignore[no-untyped-call]
        return recorded

    def enable_instrumentation(self) -> None:
        """Called before the request is handled."""
        self._uses: Uses = begin()

    def disable_instrumentation(self) -> None:
        """Called after it."""
        end()

    def generate_stats(self, request: object, response: object) -> None:
        """Called last."""
        pools = sorted(registry.stats(), key=lambda snapshot: snapshot.pool)
        self.record_stats(  # type: ignore[no-untyped-call]  # the toolbar's methods are
            {
                "summary": _summary(list(self._uses.values())),
                "uses": [_use(alias, use) for alias, use in sorted(self._uses.items())],
                "pools": [asdict(snapshot) for snapshot in pools],
            }
        )


def _summary(uses: list[Use]) -> str:
    acquires = sum(use.acquires for use in uses)
    in_vain = sum(use.in_vain for use in uses)
    if not acquires and not in_vain:
        return "not used"
    failed = f", {in_vain} in vain" if in_vain else ""
    plural = "" if acquires == 1 else "s"
    waited = seconds(sum(use.waited for use in uses))
    return f"{acquires} acquire{plural}{failed}, waited {waited}"


def _use(alias: str, use: Use) -> dict[str, Any]:
    return {
        "alias": alias,
        "acquires": use.acquires,
        "in_vain": use.in_vain,
        "waited": seconds(use.waited),
        "waited_max": seconds(use.waited_max),
        "held": seconds(use.held),
        "holds": use.holds,
    }
