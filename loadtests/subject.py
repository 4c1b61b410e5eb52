"""Whom a run measures: an engine, and where it is installed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .database import Database
from .engines import OWN, PGPOOL, Engine
from .scenarios import PoolSettings


@dataclass(frozen=True, slots=True)
class Subject:
    """An engine with its settings; ours, unless something else is said."""

    engine: Engine = PGPOOL
    python: Path | None = None
    """That of another environment, in which it runs; only with the greenlets."""
    direct: bool = True
    """Its connections are those that the server counts: no pooler is in between."""

    @property
    def pooled(self) -> bool:
        """It has a pool of ours."""
        return self.engine.engine == OWN

    def database(self, place: Database, pool: PoolSettings) -> dict[str, Any]:
        """The DATABASES entry. ``pool`` is for our engine: the others have their own settings."""
        return place.django(self.engine, **(asdict(pool) if self.pooled else {}))
