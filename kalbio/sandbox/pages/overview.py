"""The first page: what is there, what happened last, and how to point a client at it."""

from __future__ import annotations

from kalbio._core.emulator.pages import HOME, PREFIX
from kalbio._core.emulator.pages.visits import Page
from kalbio.sandbox.pages.visits import Pages, Visit, count, newest

pages = Pages()


@pages.get(HOME)
def overview(visit: Visit) -> Page:
    """The workspace in numbers."""
    store = visit.store
    workspace = store.need("workspace", store.workspace_id)
    counts = [
        (
            "records",
            store.rows("select count(*) from record where archived = 0 and draft_of is null")[0][0],
            "entities",
        ),
        ("activities", count(store, "activity"), "activities"),
        ("programs", count(store, "program"), "programs"),
        ("fields", count(store, "data_field") + count(store, "key_field"), "fields"),
        ("imports", count(store, "import"), "imports"),
        ("registrations", count(store, "registration") + count(store, "submission"), "registrations"),
        ("events", count(store, "event"), "events"),
        ("users", count(store, "user"), "users"),
    ]
    settings = store.settings
    context = {
        "counts": [(noun, number, f"{PREFIX}/{path}") for noun, number, path in counts],
        "activities": newest(store, "activity", 6),
        "variables": {
            "KALEIDOSCOPE_API_URL": visit.emulator.base_url,
            "KALEIDOSCOPE_API_CLIENT_ID": settings.client_id,
            "KALEIDOSCOPE_API_CLIENT_SECRET": settings.client_secret,
        },
    }
    return Page("overview.html", workspace["workspace_name"], context)
