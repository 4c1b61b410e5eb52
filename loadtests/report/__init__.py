"""The report of a run: an HTML page that needs no network, JSON, and a summary in the terminal."""

from __future__ import annotations

from .files import Report
from .summary import print_summary

__all__ = ["Report", "print_summary"]
