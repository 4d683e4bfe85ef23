"""The pages of the stand-in: a registry to look around in. Only a server that is asked for a page loads this."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kalbio._core.emulator.pages import PREFIX, requests
from kalbio._core.emulator.pages.site import Place, Site
from kalbio.provena.sandbox.pages import datasets, items, jobs, overview, people
from kalbio.provena.sandbox.store import Store

_NAVIGATION = (
    (
        "Registry",
        (Place("Overview", "/"), Place("Items", f"{PREFIX}/items"), Place("Datasets", f"{PREFIX}/datasets")),
    ),
    ("Work", (Place("Jobs", f"{PREFIX}/jobs"), Place("Mail", f"{PREFIX}/mail"))),
    ("People", (Place("Users and groups", f"{PREFIX}/users"),)),
    ("API", (Place("Last requests", requests.PLACE),)),
)
_MODULES = (overview, items, datasets, jobs, people)


@cache
def site() -> Site[Store]:
    """The site, which all stand-ins of a process share."""
    templates = Path(__file__).parent / "templates"
    pages = [requests.pages, *(module.pages for module in _MODULES)]
    return Site("Provena sandbox", templates, _NAVIGATION, pages)
