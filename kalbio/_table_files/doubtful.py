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
        unit: what shows beside the number that it holds; where that is the unit of the field, it is not doubtful.
    """

    value: Any
    reason: str
    unit: str | None = None
