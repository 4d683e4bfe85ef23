"""Users, groups, requests for other roles, and the mail that was sent."""

from __future__ import annotations

from kalbio._core.emulator.access_log import without_secrets
from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page
from kalbio.provena.sandbox import access, groups, links
from kalbio.provena.sandbox.pages.visits import Pages, Visit, item_path, micros, names_of

pages = Pages()


@pages.get(f"{PREFIX}/users")
def users(visit: Visit) -> Page:
    """Who may log in, which persons of the registry they are, and the groups."""
    store = visit.store
    person_of = {link["id"]: link["person_id"] for link in store.all(links.KIND)}
    names = names_of(store, person_of.values())
    context = {
        "users": [
            {**user, "person": (names.get(person, person), item_path(person)) if person else None}
            for user in store.all("user")
            for person in [person_of.get(user["id"])]
        ],
        "groups": store.all(groups.KIND),
        "requests": [{**one, "at": micros(one["created_timestamp"])} for one in store.all(access.KIND)],
    }
    return Page("users.html", "Users and groups", context)


@pages.get(f"{PREFIX}/mail")
def mail(visit: Visit) -> Page:
    """The mail that an installation would have sent, newest first."""
    found = [
        {name: without_secrets(str(text)) for name, text in one.items()} for one in reversed(visit.store.all("email"))
    ]
    return Page("mail.html", "Mail", {"mails": found[:200], "total": len(found)})
