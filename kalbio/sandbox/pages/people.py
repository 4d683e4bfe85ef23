"""Users and groups."""

from __future__ import annotations

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page
from kalbio.sandbox.pages.visits import Pages, Visit, user_names

pages = Pages()


@pages.get(f"{PREFIX}/users")
def users(visit: Visit) -> Page:
    """The members of the workspace, and its groups."""
    context = {
        "users": visit.store.all("user"), "groups": visit.store.all("group"), "names": user_names(visit.store),
    }  # fmt: skip
    return Page("users.html", "Users", context)
