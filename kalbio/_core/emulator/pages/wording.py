"""How values read on a page: the filters of the templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Sized
from datetime import UTC, datetime
from typing import Any

from kalbio._core.emulator.clock import from_micros

_LONGEST = 400


def moment(value: str | int | None) -> str:
    """A time in UTC to the second: of microseconds, or of a timestamp as APIs spell it."""
    if value is None or value == "":
        return "–"
    try:
        found = from_micros(value) if isinstance(value, int) else datetime.fromisoformat(value)
    except ValueError:
        return str(value)
    if found.tzinfo is not None:
        found = found.astimezone(UTC)
    return f"{found:%Y-%m-%d %H:%M:%S}"


def grouped(number: int) -> str:
    """A whole number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", "\u202f")


def plural(count: int | Sized, noun: str, many: str | None = None) -> str:
    """`1 thing`, `2 things`."""
    number = count if isinstance(count, int) else len(count)
    return f"{grouped(number)} {noun if number == 1 else many or noun + 's'}"


def pretty(value: Any) -> str:
    """A JSON value, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short(text: str, longest: int = _LONGEST) -> str:
    """A text, cut where it is too long for a table."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def size(count: int) -> str:
    """A number of bytes as people read it."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def words(name: str) -> str:
    """A name of the wire as words: `in_vitro` reads `in vitro`."""
    return name.replace("_", " ")


def tone(state: str) -> str:
    """The tone of a chip that shows a state."""
    return _TONES.get(state.lower(), "plain")


_TONES = {
    **dict.fromkeys(
        ("complete", "completed", "done", "delivered", "validated", "succeeded", "success", "successful", "true"),
        "good",
    ),
    **dict.fromkeys(("failed", "failure", "error", "validation_failed", "blocked", "cancelled", "refused"), "bad"),
    **dict.fromkeys(
        (
            "pending",
            "submitted",
            "in progress",
            "in_progress",
            "dequeued",
            "in review",
            "created",
            "running",
            "waiting",
        ),
        "busy",
    ),
}

FILTERS: dict[str, Callable[..., str]] = {
    "moment": moment, "grouped": grouped, "plural": plural, "pretty": pretty, "short": short, "size": size,
    "words": words, "tone": tone,
}  # fmt: skip
