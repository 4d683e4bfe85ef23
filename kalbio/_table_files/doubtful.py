"""Cells of files that do not hold what they show."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Doubtful:
    """A cell that is refused unless a converter says what it is to be.

    Attributes:
        value: what it holds.
        reason: why it is refused.
    """

    value: Any
    reason: str
