"""``manage.py pgpool``."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...checks.messages import message
from ...checks.settings import of_process, pooled_aliases
from ...overview.collect import is_well, overview, told
from ...overview.text import lines, problem_lines


class Command(BaseCommand):
    help = (
        "Shows the connection pools of django_pgpool: settings and where they come from, the "
        "server's capacity and who uses it, sizing advice, and whatever the checks find. Exit code "
        "0: all is well; 1: there are errors or warnings; 2: wrong usage."
    )
    requires_system_checks = []  # they are part of what is shown

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("aliases", nargs="*", metavar="alias", help="default: all pooled ones")
        parser.add_argument(
            "--probe",
            action="store_true",
            help="open one connection outside the pool, time its steps, and close it",
        )
        parser.add_argument("--json", action="store_true", help="write one JSON object instead")

    def handle(self, *args: Any, **options: Any) -> None:
        aliases = self._aliases(options["aliases"])
        process = [told(message(problem)) for problem in of_process()]
        found = [overview(alias, with_probe=options["probe"]) for alias in aliases]
        problems = [*process, *(problem for data in found for problem in data["problems"])]
        well = is_well(problems)
        if options["json"]:
            data = {"well": well, "process": process, "aliases": found}
            self.stdout.write(json.dumps(data, indent=2, default=str))
        else:
            for data in found:
                self.stdout.write("\n".join(lines(data)) + "\n\n")
            told_of = list(problem_lines(problems))
            self.stdout.write("\n".join(told_of or ["No problems found."]))
        if not well:
            sys.exit(1)

    def _aliases(self, given: list[str]) -> list[str]:
        pooled = list(pooled_aliases())
        for alias in given:
            if alias not in pooled:
                known = ", ".join(map(repr, pooled)) or "none"
                raise CommandError(
                    f"{alias!r} is no alias in DATABASES that django_pgpool pools; these are: "
                    f"{known}.",
                    returncode=2,
                )
        if not pooled:
            raise CommandError(
                "No alias in DATABASES is pooled by django_pgpool: set its ENGINE to "
                "'django_pgpool'.",
                returncode=2,
            )
        return given or pooled
