"""How content is shown in a cell: as text, as links, or as a picture of a structure."""

from __future__ import annotations

from kalbio.sandbox.content import FILE_TYPES, Json, as_text


def links(content: Json) -> list[tuple[str, str]]:
    """The texts of a field for addresses, with where they lead; nowhere, unless that is a page of the web."""
    items = content if isinstance(content, list) else [content]
    texts = [as_text(item) for item in items]
    return [(text, text if text.lower().startswith(("http://", "https://")) else "") for text in texts]


def kind_of(field_type: str, content: Json) -> str:
    """What a cell is to the page that shows it."""
    if content is None or content == "" or content == []:
        return "empty"
    if field_type in FILE_TYPES and isinstance(content, dict) and "file_id" in content:
        return "file"
    if field_type in ("URL", "smiles-string", "record-reference") and isinstance(content, str | list):
        return {"URL": "links", "smiles-string": "structure", "record-reference": "record"}[field_type]
    return "text"
