"""The pages of the sandbox: a workspace to look around in. Only a server that is asked for a page loads this."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kalbio._core.emulator.pages import PREFIX, requests
from kalbio._core.emulator.pages.site import Place, Site
from kalbio.sandbox.pages import overview, people, programs
from kalbio.sandbox.store import Store

_NAVIGATION = (
    ("Workspace", (Place("Overview", "/"), Place("Programs", f"{PREFIX}/programs"))),
    ("People", (Place("Users", f"{PREFIX}/users"),)),
    ("API", (Place("Last requests", requests.PLACE), Place("Reference", "/reference"))),
)
_MODULES = (overview, people, programs)


@cache
def site() -> Site[Store]:
    """The site, which all sandboxes of a process share."""
    templates = Path(__file__).parent / "templates"
    return Site(
        "Kaleidoscope sandbox", templates, _NAVIGATION, [requests.pages, *(module.pages for module in _MODULES)]
    )
