"""Programs, and the activities in each."""

from __future__ import annotations

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page
from kalbio.sandbox.pages.visits import Pages, Visit, user_names

pages = Pages()

_COUNTS = (
    "select value, count(*) from document, json_each(document.body, '$.program_ids')"
    " where document.kind = 'activity' group by value"
)


@pages.get(f"{PREFIX}/programs")
def programs(visit: Visit) -> Page:
    """All programs, with how many activities each has."""
    store = visit.store
    context = {
        "programs": store.all("program"), "counts": dict(store.rows(_COUNTS)), "names": user_names(store),
    }  # fmt: skip
    return Page("programs.html", "Programs", context)
