"""Pages for people: what an emulator holds, as HTML. Importing this package loads nothing; `site` loads Jinja2."""

from __future__ import annotations

from typing import Any, Protocol

from kalbio._core.emulator.messages import Request, Response

HOME = "/"
PREFIX = "/browse"
"""Where all pages but the first one are, so that none of them can stand in the way of an API."""


def is_page(path: str) -> bool:
    """Whether a path is that of a page, whether there is one or not."""
    return path in (HOME, PREFIX) or path.startswith(PREFIX + "/")


class PageSource(Protocol):
    """What answers requests for pages: a `site.Site`."""

    def answer(self, emulator: Any, request: Request) -> Response:
        """Answer a request for a page of an emulator."""
