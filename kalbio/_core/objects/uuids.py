"""What ids look like."""

from __future__ import annotations

import re
from typing import Any

UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def is_uuid(value: Any) -> bool:
    """Whether `value` is text of the shape of a uuid, which is taken as an id."""
    return isinstance(value, str) and UUID_TEXT.fullmatch(value) is not None
