"""Stored files and their download."""

from __future__ import annotations

from urllib.parse import quote

from kalbio._core.emulator.calls import Answer, UploadedFile
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.store import Store

routes = Routes()


@routes.operation("downloadFile")
def download_file(call: Call) -> Answer:
    """The bytes of a file."""
    return _download(call, "select name, type, data from file where id = ?", call.path["file_id"])


@routes.operation("downloadActivityFile")
def download_activity_file(call: Call) -> Answer:
    """The bytes of a file of this activity."""
    call.store.need("activity", call.path["activity_id"])
    sql = "select name, type, data from file where id = ? and activity_id = ?"
    return _download(call, sql, call.path["file_id"], call.path["activity_id"])


def keep(
    store: Store, file: UploadedFile, *, activity_id: str | None = None, property_id: str | None = None
) -> Document:
    """Store a file; gives the content that refers to it."""
    file_id = store.new_id()
    row = (file_id, file.name, file.type, file.data, activity_id, property_id)
    store.run("insert into file values (?, ?, ?, ?, ?, ?)", *row)
    return {"file_id": file_id, "file_name": file.name, "file_type": file.type, "file_size": len(file.data)}


def reference(store: Store, content: Json) -> Document:
    """The full reference to a stored file that content names by `file_id`, or a 400."""
    file_id = content.get("file_id") if isinstance(content, dict) else None
    is_text = isinstance(file_id, str)  # the database compares with nothing else
    rows = store.rows("select name, type, length(data) from file where id = ?", file_id) if is_text else []
    if not rows:
        raise Refusal(400, 'content of a file field is `{"file_id": …}` of a file that was uploaded')
    name, kind, size = rows[0]
    return {"file_id": file_id, "file_name": name, "file_type": kind, "file_size": size}


def _download(call: Call, sql: str, *parameters: str) -> Answer:
    rows = call.store.rows(sql, *parameters)
    if not rows:
        raise Refusal(404, f"file {call.path['file_id']} does not exist")
    name, kind, data = rows[0]
    return Answer(data, headers=(("content-type", kind), ("content-disposition", disposition(name))))


def disposition(name: str) -> str:
    """A Content-Disposition that offers a file under this name."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    offered = f'attachment; filename="{plain}"'
    return offered if plain == name else f"{offered}; filename*=UTF-8''{quote(name, safe='')}"
