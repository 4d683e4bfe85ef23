"""Files: downloads that a browser keeps, and never shows or runs."""

from __future__ import annotations

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Download
from kalbio._core.emulator.refusals import Refusal
from kalbio.sandbox.pages.visits import Pages, Visit

pages = Pages()


@pages.get(f"{PREFIX}/files/{{file_id}}")
def file(visit: Visit) -> Download:
    """The bytes of a file, under its name."""
    rows = visit.store.rows("select name, data from file where id = ?", visit.path["file_id"])
    if not rows:
        raise Refusal(404, "There is no such file.")
    return Download(*rows[0])
