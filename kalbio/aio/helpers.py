"""Small tools on top of the client."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kalbio._core.errors import KalbioError

if TYPE_CHECKING:
    from kalbio.aio.client import AsyncKaleidoscopeClient

__all__ = ["export_data"]

logger = logging.getLogger("kalbio")


async def export_data(client: AsyncKaleidoscopeClient, data: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose columns are called by field names instead of field ids.

    Args:
        client: the client to look the fields up with.
        data: rows of field id to value, e.g. from `activity.get_record_data()`.

    Returns:
        The rows with the same values. A column keeps its id when the field is unknown or has no name, and, with a
        warning, when several fields have the name: no column ever swallows another.

    Raises:
        KalbioAPIError: the server refused. (With `on_error="log"` all ids are kept.)

    API operation: `listKeyFields`, `listDataFields`.

    Example:
        >>> activity = (await client.activities.get_activity_by_type("experiment"))[0]
        >>> rows = await export_data(client, await activity.get_record_data())
    """
    rows = [dict(row) for row in data]
    if not rows:
        return []
    try:
        keys, fields = await client.entity_fields.get_key_fields(), await client.entity_fields.get_data_fields()
    except KalbioError as error:
        if client.on_error == "raise":
            raise
        logger.error("export_data: %s", error)
        return rows
    used = {column for row in rows for column in row}
    names = {field.id: field.field_name for field in [*keys, *fields] if field.field_name and field.id in used}
    # A name is also taken when a column that is no field id bears it.
    taken = Counter(names.values())
    taken.update(column for column in used if column not in names)
    for shared in sorted(name for name in set(names.values()) if taken[name] > 1):
        logger.warning("several columns are called %r; they keep their ids", shared)
    chosen = {column: name for column, name in names.items() if taken[name] == 1}
    return [{chosen.get(column, column): value for column, value in row.items()} for row in rows]
