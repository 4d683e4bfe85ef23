"""The pages of the stand-in: a registry to look around in. Only a server that is asked for a page loads this."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kalbio._core.emulator.pages import PREFIX, requests
from kalbio._core.emulator.pages.site import Link, Site
from kalbio.provena.sandbox.pages import datasets, items, jobs, overview, people
from kalbio.provena.sandbox.store import Store

_NAVIGATION = (
    (
        "Registry",
        (Link("Overview", "/"), Link("Items", f"{PREFIX}/items"), Link("Datasets", f"{PREFIX}/datasets")),
    ),
    ("Work", (Link("Jobs", f"{PREFIX}/jobs"), Link("Mail", f"{PREFIX}/mail"))),
    ("People", (Link("Users and groups", f"{PREFIX}/users"),)),
    ("API", (Link("Last requests", requests.PATH),)),
)
_MODULES = (overview, items, datasets, jobs, people)


@cache
def site() -> Site[Store]:
    """The site, which all stand-ins of a process share."""
    templates = Path(__file__).parent / "templates"
    pages = [requests.pages, *(module.pages for module in _MODULES)]
    return Site("Provena sandbox", templates, _NAVIGATION, pages)
