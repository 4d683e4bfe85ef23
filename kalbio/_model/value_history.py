"""The history of a record's values: what is new in it, and what a written content looks like there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from kalbio._core.errors import UnreadableTimeError
from kalbio._core.json import strict_json
from kalbio._core.objects.times import parse_timestamp
from kalbio._model.record_values import id_text, moment_of


def new_values(
    history: Sequence[Mapping[str, Any]],
    known: Set[str],
    record_id: str,
    field_id: str,
    operation_id: str | None,
    record_view_id: str | None,
) -> list[Mapping[str, Any]]:
    """Return the values of one place that a history holds beyond the known ids, the newest first.

    Ids tell what is new, not times: the clocks of the server and of this machine may differ. Where a time cannot be
    read the order is that of the history.
    """
    scope = {
        "record_id": record_id,
        "field_id": field_id,
        "operation_id": operation_id,
        "record_view_id": record_view_id,
    }

    def matches(value: Mapping[str, Any]) -> bool:
        # Older servers leave record_view_id out; None and absent are one.
        return all(id_text(value.get(name)) == wanted for name, wanted in scope.items() if name in value)

    found = [value for value in history if str(value["id"]) not in known and matches(value)]
    try:
        return sorted(found, key=moment_of, reverse=True)
    except UnreadableTimeError:
        return found


def ids_until(
    history: Sequence[Mapping[str, Any]], last: str, record_id: str, field_id: str, operation_id: str | None
) -> set[str] | None:
    """Return the ids of the values of a field that a history holds up to the one with the id `last`.

    The order is that of the history, in whatever table of the activity they were written. None when it lacks that one,
    and when the time of one cannot be read.
    """
    scope = {"record_id": record_id, "field_id": field_id, "operation_id": operation_id}
    values = [
        value
        for value in history
        if all(id_text(value.get(name)) == wanted for name, wanted in scope.items() if name in value)
    ]
    try:
        ids = [str(value["id"]) for value in sorted(values, key=moment_of, reverse=True)]
    except UnreadableTimeError:
        return None
    return set(ids[ids.index(last) :]) if last in ids else None


def has_content(value: Mapping[str, Any], content: Any) -> bool:
    """Whether a value of the history is what the server makes of this content: numbers are kept as text."""
    sent, stored, kind = strict_json.plain(content), value.get("content"), value.get("field_type")
    if isinstance(sent, bool) or isinstance(stored, bool):
        return sent is stored
    if sent is None or stored is None:
        return sent is stored
    if kind == "number" or isinstance(sent, int | float):
        number = _as_number(stored)
        return number is not None and number == _as_number(sent)
    if isinstance(stored, list) and not isinstance(sent, list):
        return stored == [sent]
    if kind == "date" and sent != stored:
        moment = parse_timestamp(stored)
        return moment is not None and moment == parse_timestamp(sent)
    return bool(stored == sent)


def _as_number(content: Any) -> float | None:
    try:
        return float(content)
    except (TypeError, ValueError, OverflowError):
        return None
