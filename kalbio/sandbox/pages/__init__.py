"""The pages of the sandbox: a workspace to look around in. Only a server that is asked for a page loads this."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kalbio._core.emulator.pages import HOME, PREFIX, requests
from kalbio._core.emulator.pages.site import Link, Site
from kalbio.sandbox.content import as_text
from kalbio.sandbox.pages import (
    activities,
    contents,
    entities,
    events,
    fields,
    files,
    imports,
    overview,
    people,
    programs,
    records,
    registrations,
    structures,
)
from kalbio.sandbox.store import Store

_NAVIGATION = (
    ("Workspace", (
        Link("Overview", HOME), Link("Programs", f"{PREFIX}/programs"), Link("Activities", f"{PREFIX}/activities"),
    )),
    ("Data", (
        Link("Entity types", f"{PREFIX}/entities"), Link("Fields", f"{PREFIX}/fields"),
        Link("Imports", f"{PREFIX}/imports"),
    )),
    ("What happens", (
        Link("Registrations", f"{PREFIX}/registrations"), Link("Events", f"{PREFIX}/events"),
    )),
    ("People", (Link("Users", f"{PREFIX}/users"),)),
    ("API", (Link("Last requests", requests.PATH), Link("Reference", "/reference"))),
)  # fmt: skip
_MODULES = (
    activities, entities, events, fields, files, imports, overview, people, programs, records, registrations,
    structures,
)  # fmt: skip
# What the templates call to show the content of cells.
_CONTENTS = {
    "as_text": as_text, "kind_of": contents.kind_of, "links": contents.links, "can_draw": structures.CAN_DRAW,
}  # fmt: skip


@cache
def site() -> Site[Store]:
    """The site, which all sandboxes of a process share."""
    templates = Path(__file__).parent / "templates"
    pages = [requests.pages, *(module.pages for module in _MODULES)]
    return Site("Kaleidoscope sandbox", templates, _NAVIGATION, pages, _CONTENTS)
