"""Key fields and data fields."""

from __future__ import annotations

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page
from kalbio.sandbox.pages.visits import Pages, Visit

pages = Pages()


@pages.get(f"{PREFIX}/fields")
def fields(visit: Visit) -> Page:
    """All fields, with how often each was written."""
    store = visit.store
    written = dict(store.rows("select field_id, count(*) from value group by field_id"))
    keys = dict(store.rows("select field_id, count(*) from key_value group by field_id"))
    context = {"keys": store.all("key_field"), "fields": store.all("data_field"), "written": written, "used": keys}
    return Page("fields.html", "Fields", context)
