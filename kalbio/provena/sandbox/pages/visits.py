"""What the pages of the stand-in are given, and what many of them look up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from kalbio._core.emulator.access_log import without_secrets
from kalbio._core.emulator.pages import PREFIX, visits
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox import items, jobs
from kalbio.provena.sandbox.store import Store

Visit = visits.Visit[Store]
Pages = visits.Pages[Store]

_SECOND = 1_000_000
_LAST_SECOND = 253_402_300_800  # the end of the year 9999
_MOST_TEXTS = 2000  # of one thing, that may be names of others
_DEEPEST = 20
_MANY = {"STUDY": "studies", "CREATE": "creations", "VERSION": "new versions"}


def item_path(id: str) -> str:
    """Where the page of an item is."""
    return f"{PREFIX}/items/{quote(id, safe='')}"


def job_path(id: str) -> str:
    """Where the page of a job is."""
    return f"{PREFIX}/jobs/{quote(id, safe='')}"


def micros(seconds: Json) -> int | None:
    """A time as the pages take it, None for what is none."""
    is_time = type(seconds) in (int, float) and 0 <= seconds < _LAST_SECOND
    return int(seconds * _SECOND) if is_time else None


def subtype_words(subtype: str) -> str:
    """A subtype as words: `MODEL_RUN` reads `model run`."""
    return subtype.replace("_", " ").lower()


def many(subtype: str) -> str:
    """Several items of a subtype, as words."""
    return _MANY.get(subtype) or subtype_words(subtype) + "s"


def names_of(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """The display names of those ids that are items; a seed has its id for a name."""
    sql = (
        "select id, coalesce(json_extract(body, '$.display_name'), id) from document"
        " where kind = ? and id in (select value from json_each(?))"
    )
    return {id: str(name) for id, name in store.rows(sql, items.ITEM, id_list(ids))}


class Values:
    """JSON as the pages show it: what names an item or a job leads to its page, and no secret is shown.

    Args:
        store: where items and jobs are.
        shown: all that will be shown.
    """

    def __init__(self, store: Store, *shown: Json) -> None:
        texts: dict[str, None] = {}
        _collect(list(shown), texts)
        self._items = names_of(store, texts)
        sql = "select id from document where kind = ? and id in (select value from json_each(?))"
        self._jobs = {row[0] for row in store.rows(sql, jobs.KIND, id_list(texts))}

    def show(self, value: Json, name: str = "") -> dict[str, Any]:
        """Give a value as the template takes it: `kind` is `members`, `list`, `link`, `time`, `none` or `text`."""
        if value is None or value in ("", [], {}):
            return {"kind": "none"}
        if isinstance(value, dict):
            return {"kind": "members", "of": [(member, self.show(one, member)) for member, one in value.items()]}
        if isinstance(value, list):
            return {"kind": "list", "of": [self.show(one) for one in value]}
        if isinstance(value, str) and value in self._items:
            return {"kind": "link", "path": item_path(value), "text": self._items[value], "id": value}
        if isinstance(value, str) and value in self._jobs:
            return {"kind": "link", "path": job_path(value), "text": value, "id": ""}
        if name.endswith(("timestamp", "_time")) and (time := micros(value)) is not None:
            return {"kind": "time", "text": time}
        text = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        return {"kind": "text", "text": without_secrets(text)}


def _collect(value: Json, texts: dict[str, None], depth: int = 0) -> None:
    if len(texts) >= _MOST_TEXTS or depth > _DEEPEST:
        return
    if isinstance(value, str):
        texts[value] = None
    elif isinstance(value, dict):
        for one in value.values():
            _collect(one, texts, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _collect(one, texts, depth + 1)


def member_of(document: Document, *path: str) -> Json:
    """What lies at the end of a path of members, None where there is no such."""
    found: Json = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
