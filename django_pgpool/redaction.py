"""Secrets, taken out of what others have to say: libpq repeats what it was given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
_SECRET = ("password", "sslpassword", "passfile", "sslkey")
"""Parameters that are secrets, or paths of where they are kept. ``options``, too, each word: it may
be a setting of the site's own."""
_PLAIN = ("user", "dbname", "host", "hostaddr", "port")
"""What a message is about; a password that is no other than one of these hides nothing."""
_SHORT = 2
"""So few characters are no secret, but -c."""
_ANYWHERE = (
    re.compile(r"(?<=://)([^\s:/@]*:)\S*(?=@)"),  # a URL
    re.compile(r"(\bpassw(?:or)?d\s*=\s*)(?:'(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE),
    re.compile(r'(\bpassword retrieved from file ")[^"]*'),
    re.compile(r"(\bsslpassword\s*=\s*)(?:'(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE),
)


class Hidden(str):
    """Says what it is to libpq, and nothing to error pages and reports that show variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)


def hidden(params: dict[str, Any]) -> dict[str, Any]:
    """The same connection parameters, whose ``repr()`` does not tell what is secret."""
    for name in _SECRET:
        if name in params:
            params[name] = Hidden(params[name])
    return params


def redacted(text: str, params: Mapping[str, Any]) -> str:
    """Without what is secret among these connection parameters, and without what looks like it."""
    known = {str(params.get(name) or "") for name in _PLAIN}
    secrets = [str(params.get(name) or "") for name in _SECRET]
    secrets += str(params.get("options") or "").split()
    for value in secrets:
        if len(value) > _SHORT and value not in known:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", HIDDEN, text)
    for pattern in _ANYWHERE:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
