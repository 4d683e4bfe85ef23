"""The pages of the sandbox: a workspace to look around in. Only a server that is asked for a page loads this."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kalbio._core.emulator.pages import HOME, PREFIX, requests
from kalbio._core.emulator.pages.site import Place, Site
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
        Place("Overview", HOME), Place("Programs", f"{PREFIX}/programs"), Place("Activities", f"{PREFIX}/activities"),
    )),
    ("Data", (
        Place("Entity types", f"{PREFIX}/entities"), Place("Fields", f"{PREFIX}/fields"),
        Place("Imports", f"{PREFIX}/imports"),
    )),
    ("What happens", (
        Place("Registrations", f"{PREFIX}/registrations"), Place("Events", f"{PREFIX}/events"),
    )),
    ("People", (Place("Users", f"{PREFIX}/users"),)),
    ("API", (Place("Last requests", requests.PLACE), Place("Reference", "/reference"))),
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
