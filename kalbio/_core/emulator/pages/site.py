"""A site of pages: from a request to an answer. The templates escape everything: names are text, never markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

import jinja2

from kalbio._core.emulator.emulator import Emulator, State
from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.pages import HOME, PREFIX
from kalbio._core.emulator.pages.visits import Download, Given, Handler, Page, Pages, Picture, Query, Redirect, Visit
from kalbio._core.emulator.pages.wording import FILTERS
from kalbio._core.emulator.refusals import Refusal

StateT = TypeVar("StateT", bound=State)

_HERE = Path(__file__).parent
_STATIC = {"style.css": "text/css", "pages.js": "text/javascript", "icon.svg": "image/svg+xml"}
_HTML, _TEXT, _SVG = "text/html; charset=utf-8", "text/plain; charset=utf-8", "image/svg+xml"
_SAFE = (("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "same-origin"))
_NO_STORE = ("cache-control", "no-store")
# Nothing comes from another host, nothing runs that stands in a page, and no other page shows this one in a frame.
# A form of a page that sends no referrer has no origin either, hence `same-origin`.
_PAGE_HEADERS = (
    *_SAFE,
    _NO_STORE,
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
)
_INERT = ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")


@dataclass(frozen=True)
class Link:
    """An entry of the navigation."""

    title: str
    path: str


class Site(Generic[StateT]):
    """The pages of an emulator, and how they look. It holds no state, so several emulators may share one.

    Args:
        name: what runs, such as `Sandbox`.
        templates: the directory of the templates; those of the kit, such as `base.html`, are found as well.
        navigation: the groups of the navigation: their titles and links.
        pages: the functions that give the pages.
        context: what every template may use.
    """

    def __init__(
        self,
        name: str,
        templates: Path,
        navigation: Sequence[tuple[str, Sequence[Link]]],
        pages: Sequence[Pages[StateT]],
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self._links = [link for _, links in navigation for link in links]
        loader = jinja2.FileSystemLoader([templates, _HERE / "templates"])
        self._environment = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
            auto_reload=False,
        )  # fmt: skip
        self._environment.filters.update(FILTERS)
        self._environment.globals.update(site_name=name, navigation=navigation, prefix=PREFIX, **(context or {}))
        everything: Pages[StateT] = Pages()
        for some in pages:
            everything.include(some)
        self._handlers = [
            (method, _compiled(pattern), handler, locked)
            for (method, pattern), (handler, locked) in everything.handlers.items()
        ]

    def answer(self, emulator: Emulator[StateT], request: Request) -> Response:
        """Answer a request for a page. What it shows is read while no other request runs, and rendered afterwards."""
        path, _, query = request.target.partition("?")
        method = "GET" if request.method == "HEAD" else request.method
        if path.startswith(f"{PREFIX}/static/"):
            return _static(path.rpartition("/")[2])
        try:
            if method == "POST":
                _check_same_origin(request)
            handler, locked, values = self._find(method, path)
            form = Query(request.body.decode("utf-8", "replace") if method == "POST" else "")
            visit = Visit(emulator, emulator.store, path, values, Query(query), form)
            if locked:
                with emulator.lock:
                    given = handler(visit)
            else:
                given = handler(visit)
        except Refusal as refusal:
            given = _refused(refusal)
            visit = Visit(emulator, emulator.store, path, {}, Query(query), Query(""))
        return self._respond(visit, given)

    def _find(self, method: str, path: str) -> tuple[Handler[StateT], bool, dict[str, str]]:
        others = set()
        for known, pattern, handler, locked in self._handlers:
            if (match := pattern.fullmatch(path)) is not None:
                if known == method:
                    return handler, locked, {name: unquote(text) for name, text in match.groupdict().items()}
                others.add(known)
        if others:
            raise Refusal(405, f"this address has no {method}")
        raise Refusal(404, "There is no such page.")

    def _respond(self, visit: Visit[StateT], given: Given) -> Response:
        if isinstance(given, Redirect):
            return Response(303, (("location", given.to), *_PAGE_HEADERS), b"")
        if isinstance(given, Download):
            kind = ("content-type", "application/octet-stream")
            return Response(200, (kind, _disposition(given.name), *_SAFE, _NO_STORE, _INERT), given.data)
        if isinstance(given, Picture):
            cached = ("cache-control", "private, max-age=3600")
            return Response(200, (("content-type", _SVG), *_SAFE, cached, _INERT), given.svg)
        context = {"title": given.title, "crumbs": given.crumbs, "visit": visit, "here": self._here(visit.url)}
        body = self._environment.get_template(given.template).render({**given.context, **context})
        return Response(given.status, (("content-type", _HTML), *_PAGE_HEADERS), body.encode("utf-8", "replace"))

    def _here(self, path: str) -> str:
        """The entry of the navigation that a page belongs to."""
        found = [link.path for link in self._links if path == link.path or path.startswith(link.path + "/")]
        return max(found, key=len, default=HOME if path == HOME else "")


@cache
def _static(name: str) -> Response:
    if name not in _STATIC:
        return Response(404, (("content-type", _TEXT), *_SAFE), b"There is no such file.\n")
    kind = ("content-type", f"{_STATIC[name]}; charset=utf-8")
    return Response(200, (kind, *_SAFE, ("cache-control", "no-cache"), _INERT), (_HERE / "static" / name).read_bytes())


def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern != HOME and not pattern.startswith(PREFIX):
        raise ValueError(f"a page is at {HOME} or below {PREFIX}, not at {pattern}")
    parts = re.split(r"\{(\w+)\}", pattern)
    return re.compile("".join(f"(?P<{part}>[^/]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts)))


def _check_same_origin(request: Request) -> None:
    """Refuse a form that does not come from a page of this server. Browsers always say where one comes from."""
    origin, site = request.header("origin"), request.header("sec-fetch-site")
    same = origin is not None and origin.lower() == f"http://{request.header('host')}".lower()
    if not same or site not in (None, "same-origin"):
        raise Refusal(403, "Only the forms on these pages may do that.")


def _refused(refusal: Refusal) -> Page:
    titles = {400: "That does not work", 403: "Not allowed", 404: "Not found", 405: "Not here"}
    title = titles.get(refusal.status, "Refused")
    return Page("refused.html", title, {"message": refusal.message}, status=refusal.status)


def _disposition(name: str) -> tuple[str, str]:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return "content-disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
