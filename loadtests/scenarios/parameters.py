"""Parameters that several scenarios have."""

from __future__ import annotations

from typing import Annotated

import typer

Rate = Annotated[float, typer.Option(min=1, max=100_000, help="Requests per second.")]
Hold = Annotated[
    float,
    typer.Option(min=0.001, max=60, help="Seconds for which a report keeps its connection busy."),
]
Seconds = Annotated[float, typer.Option(min=0.1, max=86_400, help="Length of the load.")]
Before = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds before it.")]
Down = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds without a server.")]
After = Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds after it.")]
