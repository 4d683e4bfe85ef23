"""What a registrar reports back, for files and for drafts alike."""

from __future__ import annotations

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import fields, values
from kalbio.sandbox.content import Json, as_text
from kalbio.sandbox.store import Store

# Per-record statuses are free text. These say that something went wrong even without an error message.
_BAD = frozenset({"error", "failed", "not_found", "validation_failed"})


def complaint(row: Document) -> str | None:
    """What the registrar has to say against a record, or None."""
    if row.get("error_message"):
        return str(row["error_message"])
    return f"status {row['status']}" if row["status"] in _BAD else None


def read_data(
    store: Store, row: Document, key_field_names: list[str]
) -> tuple[dict[str, str], list[tuple[Document, Json]]]:
    """Key values by key field id, and cells, of the data of a row. A Refusal says what is wrong with it."""
    keys: dict[str, str] = {}
    cells = []
    for name, content in row.get("data", {}).items():
        if name in key_field_names:
            key = fields.named(store.all("key_field"), name)
            if key is None:
                raise Refusal(400, f"key field {name!r} does not exist")
            keys[key["id"]] = as_text(content)
        else:
            column = fields.named(store.all("data_field"), name)
            if column is None:
                raise Refusal(400, f"data field {name!r} does not exist")
            cells.append((column, values.checked(store, column, content)))
    return keys, cells


def key_values(store: Store, record_id: str) -> dict[str, str]:
    """The key values of a record by key field id."""
    return dict(
        store.rows(
            "select v.field_id, v.content from record_key k join key_value v on v.id = k.key_value_id"
            " where k.record_id = ?",
            record_id,
        )
    )


def record_error(row: Document, text: str) -> Document:
    """An item of `record_errors`. It has no id."""
    return {"source_record_id": row["record_id"], "status": row["status"], "error_message": text}
