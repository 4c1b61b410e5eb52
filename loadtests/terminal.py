"""What the command lines write to standard output."""

from __future__ import annotations

from rich.console import Console

WIDTH = 120
"""Of what is no terminal, and has nothing to fit into."""


def terminal(width: int = WIDTH) -> Console:
    """Standard output; ``width`` characters wide where it is no terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = width
    return console


def say(console: Console, text: str) -> None:
    """A line as it is, however long: paths are copied from it."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
