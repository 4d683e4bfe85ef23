"""What ids look like."""

from __future__ import annotations

import re
from typing import Any

UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def is_uuid(value: Any) -> bool:
    """Whether `value` is text of the shape of a uuid, which is taken as an id."""
    return isinstance(value, str) and UUID_TEXT.fullmatch(value) is not None


def short_id(id: str) -> str:
    """Return an id as people are shown it: a uuid by its begin, anything else whole, as its end may be what counts."""
    return id[:8] if is_uuid(id) else id
