"""Regular expressions of users, matched in time that grows with the text alone.

The expressions of Python, as those of most servers, take for ever over some (`(a+)+$`). RE2 does not, and refuses what
it cannot promise this for: look-around and references to groups.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from kalbio._core.emulator.refusals import Refusal


def check(pattern: str) -> None:
    """Refuse what is no regular expression."""
    _compiled(pattern)


def fits(pattern: str, value: str) -> bool:
    """Whether a pattern covers a value as a whole."""
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> Any:
    import re2  # here, because few workspaces have a pattern

    quiet = re2.Options()
    quiet.log_errors = False
    try:
        return re2.compile(pattern, quiet)
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        raise Refusal(400, f"regex_format is not a regular expression (RE2): {reason}") from None
