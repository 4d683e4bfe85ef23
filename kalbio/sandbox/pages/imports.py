"""Imports, and the rows that one of them has left out."""

from __future__ import annotations

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, paging
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.imports import shown_import
from kalbio.sandbox.pages.visits import Pages, Visit, by_id, count, newest, titles, type_name

pages = Pages()


@pages.get(f"{PREFIX}/imports")
def imports(visit: Visit) -> Page:
    """Imports, newest first."""
    part = paging(visit.query, count(visit.store, "import"))
    found = [shown_import(one) for one in newest(visit.store, "import", part.size, part.offset)]
    context = {
        "imports": found, "paging": part, "titles": titles(visit.store, [one["operation_id"] for one in found]),
    }  # fmt: skip
    return Page("imports.html", "Imports", context)


@pages.get(f"{PREFIX}/imports/{{import_id}}")
def import_(visit: Visit) -> Page:
    """One import. Looking at it does not bring it closer to its end, as asking by the API does."""
    store = visit.store
    found = shown_import(store.need("import", visit.path["import_id"]))
    result: Document = found["import_result"] or {}
    errors = result.get("validation_result", {}).get("errors", [])
    part = paging(visit.query, len(errors))
    piece = by_id(store, "slice", [found["entity_slice_id"]]).get(found["entity_slice_id"])
    context = {
        "import": found,
        "result": result,
        "errors": errors[part.offset : part.offset + part.size],
        "paging": part,
        "titles": titles(store, [found["operation_id"]]),
        "type": piece and (piece["id"], type_name(store, piece)),
    }
    return Page("import.html", f"Import of {found['created_at'][:16].replace('T', ' ')}", context,
                (("Imports", f"{PREFIX}/imports"),))  # fmt: skip
