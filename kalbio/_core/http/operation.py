"""What the client must know of an operation to treat it right."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol


class RepeatsInfo(Protocol):
    """A mark of the API description: something of a request that its answer repeats."""

    @property
    def answer(self) -> str:
        """The place in the answer."""

    @property
    def request(self) -> str:
        """The place in the request; empty for a fixed value."""

    @property
    def value(self) -> str:
        """The fixed value that the answer has."""

    @property
    def only(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Places in the answer, with the values of which it must have one there, or the mark does not count."""


class OperationInfo(Protocol):
    """An operation of the API description."""

    def __hash__(self) -> int: ...

    @property
    def tag(self) -> str:
        """The group that it belongs to."""

    @property
    def path(self) -> str:
        """Its path, with the names of its parameters in braces."""

    @property
    def idempotent(self) -> bool:
        """Whether repeating it does no harm."""

    @property
    def answer(self) -> str:
        """The JSON that its answer is: "object", "list", or empty when there is none to be read."""

    @property
    def may_be_empty(self) -> bool:
        """Whether the answer may be empty all the same."""

    @property
    def required(self) -> tuple[str, ...]:
        """The ids that the answer must have, as places in it."""

    @property
    def repeats(self) -> tuple[RepeatsInfo, ...]:
        """What the answer repeats of the request."""


@lru_cache(maxsize=256)
def path_pattern(path: str) -> re.Pattern[str]:
    """Return what finds the parameters of an operation at the end of the path of a URL, each by its name."""
    names = re.split(r"\{(\w+)\}", path)
    parts = [f"(?P<{text}>[^/]+)" if index % 2 else re.escape(text) for index, text in enumerate(names)]
    return re.compile("".join(parts) + "$")
