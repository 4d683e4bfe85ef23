"""Datasets, with their files."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Download, Page, paging
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import objects
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.pages.visits import Pages, Visit, item_path, member_of, micros
from kalbio.provena.sandbox.store import Store

pages = Pages()

_MOST_FILES = 500


@pages.get(f"{PREFIX}/datasets")
def datasets(visit: Visit) -> Page:
    """All datasets, those that changed last first."""
    store, query = visit.store, visit.query
    status = query.get("status")
    where, values = "kind = 'item' and parent = 'DATASET'", []
    if status:
        where, values = f"{where} and json_extract(body, '$.release_status') = ?", [status]
    total = store.rows(f"select count(*) from document where {where}", *values)[0][0]  # noqa: S608
    part = paging(query, total)
    rows = store.rows(
        f"select body from document where {where} order by json_extract(body, '$.updated_timestamp') desc, id desc"  # noqa: S608
        " limit ? offset ?",
        *values, part.size, part.offset,
    )  # fmt: skip
    known = store.rows(
        "select distinct json_extract(body, '$.release_status') from document where kind = 'item'"
        " and parent = 'DATASET' and json_extract(body, '$.release_status') is not null order by 1"
    )
    context = {
        "datasets": [_row(store, json.loads(body)) for (body,) in rows],
        "paging": part,
        "status": status,
        "statuses": [row[0] for row in known],
    }
    return Page("datasets.html", "Datasets", context)


@pages.get(f"{PREFIX}/files/{{id}}/{{path}}")
def download(visit: Visit) -> Download:
    """A file of a dataset."""
    store, path = visit.store, visit.path["path"]
    item = store.get(ITEM, visit.path["id"])
    prefix = member_of(item, "s3", "path") if item is not None else None
    found = objects.find(store, f"{prefix}{path}") if isinstance(prefix, str) else None
    if found is None:
        raise Refusal(404, "There is no such file.")
    return Download(path.rpartition("/")[2] or path, store.folder.read(found["content"], 0, found["size"]))


def files_of(store: Store, item: Document) -> list[dict[str, Any]]:
    """The files of a dataset, the first 500 of them."""
    prefix = member_of(item, "s3", "path")
    if not isinstance(prefix, str):
        return []
    return [
        {
            "path": path,
            "url": f"{PREFIX}/files/{quote(item['id'], safe='')}/{quote(path, safe='')}",
            "size": one["size"],
            "modified": micros(one["modified"]),
        }
        for one in objects.keys(store, prefix, "", _MOST_FILES)
        for path in [one["id"].removeprefix(prefix)]
    ]


def _row(store: Store, item: Document) -> dict[str, Any]:
    prefix = member_of(item, "s3", "path")
    number = size = 0
    if isinstance(prefix, str):
        sql = (
            "select count(*), coalesce(sum(json_extract(body, '$.size')), 0) from document"
            " where kind = ? and id >= ? and id < ?"
        )
        ((number, size),) = store.rows(sql, objects.OBJECT, prefix, prefix + "\U0010ffff")
    return {
        "name": item.get("display_name") or item["id"],
        "path": item_path(item["id"]),
        "id": item["id"],
        "status": item.get("release_status") or "–",
        "owner": item.get("owner_username"),
        "updated": micros(item.get("updated_timestamp")),
        "files": number,
        "size": size,
    }
