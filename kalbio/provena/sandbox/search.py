"""The search over the registry."""

from __future__ import annotations

from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.errors import success
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.store import READ, Call, Routes

routes = Routes()

_LARGEST_LIMIT, _LIMIT = 50, 10


@routes.operation("searchEntityRegistry", READ)
def search(call: Call) -> Document:
    """Items with one of the words in a text of their data; the more of them, the better."""
    words = set(call.query["query"].lower().split())
    limit = min(call.query.get("record_limit") or _LIMIT, _LARGEST_LIMIT)
    hits = []
    for item in call.store.all(ITEM, call.query.get("subtype_filter")):
        texts = {word for value in item.values() if isinstance(value, str) for word in value.lower().split()}
        if found := words & texts:
            hits.append({"id": item["id"], "score": float(len(found))})
    hits.sort(key=lambda hit: (-hit["score"], hit["id"]))
    return {"status": success("The search succeeded."), "results": hits[:limit], "warnings": None}
