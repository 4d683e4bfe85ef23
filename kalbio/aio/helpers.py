"""Small tools on top of the client."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from kalbio._core.objects.checks import require_rows
from kalbio._core.objects.uuids import is_uuid
from kalbio._model.cells import READ_TABLE
from kalbio._model.errors import KalbioError
from kalbio.aio._directory import Client
from kalbio.aio.entity_fields import DATA_FIELDS, KEY_FIELDS

__all__ = ["export_data"]

logger = logging.getLogger("kalbio")


async def export_data(client: Client, data: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose columns are called by field names instead of field ids.

    Args:
        client: the client to look the fields up with.
        data: rows of field id to value, e.g. from `activity.get_record_data()`.

    Returns:
        The rows with the same values. A column keeps its id when the field is unknown or has no name, and, with a
        warning, when several fields have the name, so that no column overwrites another.

    Raises:
        KalbioAPIError: the server refused. (With `on_error="log"` all ids are kept.)

    API operation: `listKeyFields`, `listDataFields`.

    Example:
        >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
        >>> rows = await export_data(client, await activity.get_record_data())
    """
    rows = require_rows("data", data, of_table=READ_TABLE)
    if not rows:
        return []
    client.session.check()
    used = {column for row in rows for column in row}
    try:
        known = await _fields(client, use_cache=True)
        if any(is_uuid(column) and column not in known for column in used):
            known = await _fields(client, use_cache=False)  # made since the fields were listed
    except KalbioError as error:
        if client.session.on_error == "raise":
            raise
        logger.error("export_data: %s", error)
        return rows
    names = {column: name for column in used if (name := known.get(column))}
    # A name is also taken when a column that is no field id bears it.
    taken = Counter(names.values())
    taken.update(column for column in used if column not in names)
    for shared in sorted(name for name in set(names.values()) if taken[name] > 1):
        logger.warning("several columns are called %r; they keep their ids", shared)
    chosen = {column: name for column, name in names.items() if taken[name] == 1}
    return [{chosen.get(column, column): value for column, value in row.items()} for row in rows]


async def _fields(client: Client, *, use_cache: bool) -> dict[str, str | None]:
    both = [
        *await client.directory[KEY_FIELDS].all(use_cache=use_cache),
        *await client.directory[DATA_FIELDS].all(use_cache=use_cache),
    ]
    return {field.id: field.field_name for field in both}
