# Derived from kalbio/aio/_histories.py by scripts/regenerate; edit that file. (digest 232b8602e554)
"""The history of the values of a record, where a write is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from kaleidoscope_api.api.records import list_record_values

from kalbio._core.http.responses import as_list, unusable
from kalbio._directory import Client
from kalbio._model.value_history import ids_until

Scope: TypeAlias = tuple[str, str | None, str | None]
"""What a write is aimed at: the ids of the field, the activity and the table."""

NOTHING = ""
"""Stands for the id of a value where there is none."""


def read_history(client: Client, record_id: str) -> list[dict[str, Any]]:
    """Return the whole history of the values as JSON; raises when any of it cannot be read."""
    response = client.session.call(list_record_values.build_request(record_id))
    values = as_list(response)
    if not all(isinstance(value, dict) and value.get("id") is not None for value in values):
        raise unusable(response, "the history has values without an id")
    return values


def known_before(history: Sequence[Mapping[str, Any]], before: str, record_id: str, scope: Scope) -> set[str] | None:
    """Return the ids of the values that the scope of a write had before, None when the history does not tell them."""
    return set() if before == NOTHING else ids_until(history, before, record_id, *scope[:2])
