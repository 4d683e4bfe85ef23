"""Shows what was given, in an error that names it."""

from __future__ import annotations

from typing import Any

LIMIT = 200


def shown(value: Any) -> str:
    """Return how a value reads, cut where it is long. Gives its type where it cannot be shown at all."""
    if isinstance(value, str | bytes) and len(value) > LIMIT:
        return f"{value[: LIMIT // 2]!r}... ({len(value)} characters)"
    try:
        text = repr(value)
    except Exception:  # huge numbers, and objects that cannot be read
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= LIMIT else f"{text[: LIMIT // 2]}... ({type(value).__name__})"
