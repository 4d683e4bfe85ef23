"""What the pipe must know of an operation to treat it right."""

from __future__ import annotations

from typing import Protocol


class OperationInfo(Protocol):
    """An operation of the API description."""

    @property
    def idempotent(self) -> bool:
        """Whether repeating it does no harm."""
