"""A scenario run over a grid of settings: which of them to choose, and why."""
