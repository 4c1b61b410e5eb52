"""What only the server can tell: ``manage.py check --database default``."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.db.backends.base.validation import BaseDatabaseValidation

from ..drivers.chosen import is_libpq_parameter
from ..options import Problem, examine, is_pooled
from ..pool.errors import one_line
from . import capacity, facts
from .messages import message


class Validation(BaseDatabaseValidation):
    """Asks over a connection from the pool, which is given back."""

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """What the settings alone tell is told by ``settings`` and not told again."""
        wrapper: Any = self.connection
        found: list[CheckMessage] = super().check(**kwargs)
        if not is_pooled(wrapper.settings_dict["OPTIONS"]):
            return found
        alias = wrapper.alias
        options, wrong = examine(alias, wrapper.settings_dict, is_libpq_parameter)
        if wrong:
            return found
        try:
            problems = list(capacity.problems(alias, options, facts.ask(wrapper)))
        except (Error, ImproperlyConfigured) as error:
            problems = [unreachable(alias, error)]
        return [*found, *map(message, problems)]


def unreachable(alias: str, error: BaseException) -> Problem:
    """The server did not answer."""
    return Problem(
        "E101",
        f"DATABASES[{alias!r}]: the server could not be asked: {one_line(error)}",
        "Whether the pool fits into the server's limits is not known. See to the connection "
        "first: `manage.py pgpool --probe` times its steps.",
    )
