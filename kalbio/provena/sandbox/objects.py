"""The files of datasets, as an object store has them: by keys, with what it knows of each."""

from __future__ import annotations

import json

from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.folder import Content
from kalbio.provena.sandbox.store import Store

OBJECT = "object"
BUCKET = "datasets"


def put(store: Store, key: str, content: Content, etag: str, members: Document | None = None) -> Document:
    """Keep an object under a key, in place of the one before."""
    remove(store, key)
    row = {
        "id": key,
        "content": content.name,
        "size": content.size,
        "etag": f'"{etag}"',
        "modified": store.seconds(),
        "headers": members or {},
    }
    return store.add(OBJECT, row)


def put_text(store: Store, key: str, text: str) -> Document:
    """Keep a text under a key."""
    content = store.folder.keep(store.new_id(), text.encode())
    return put(store, key, content, content.md5, {"content-type": "application/json"})


def find(store: Store, key: str) -> Document | None:
    """The object of a key."""
    return store.get(OBJECT, key)


def remove(store: Store, key: str) -> str | None:
    """Forget the object of a key; gives the name of the content that it had."""
    old = store.get(OBJECT, key)
    store.run("delete from document where kind = ? and id = ?", OBJECT, key)
    return None if old is None else old["content"]


def keys(store: Store, prefix: str, after: str, limit: int) -> list[Document]:
    """Objects whose keys begin with something, in the order of the bytes of their keys."""
    rows = store.rows(
        "select body from document where kind = ? and substr(id, 1, ?) = ? and id > ? order by id limit ?",
        *(OBJECT, len(prefix), prefix, after, limit),
    )
    return [json.loads(row[0]) for row in rows]
