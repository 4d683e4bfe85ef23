"""The pages in headless Chromium, where there is one: how they look and what they do, with nothing but this machine.

All is in one module, so that one browser serves it and ends before other tests begin: Playwright has an event loop that
runs in this thread for as long, and no other can run beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kalbio._core.emulator.messages import Request
from kalbio._core.emulator.server import serve
from kalbio.provena.sandbox import Sandbox as ProvenaSandbox
from kalbio.sandbox import Sandbox
from tests import browser as chromium
from tests.rows import row
from tests.sandbox.test_pages import HOSTILE, hostile_workspace, links_on
from tests.sandbox.wire import Api

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_LOOPBACK = "127.0.0.1"
_KINDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|10378\.1%2F\d+|\d+$")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that has nothing of anybody."""
    path = chromium.find()
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        # As root, who runs containers, Chromium has no sandbox of its own. What is not for this machine goes nowhere.
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], proxy={"server": "http://127.0.0.1:9", "bypass": _LOOPBACK}
        )
        yield started
        started.close()


class Window:
    """A page of a browser, and what went wrong on it."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.wrong: list[str] = []
        page.on("dialog", self._take)
        page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", self._check)

    def open(self, path: str) -> Page:
        """Show a page."""
        self.page.goto(self.base + path)
        return self.page

    def _take(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _check(self, request: Any) -> None:
        if not request.url.startswith(f"{self.base}/"):
            self.wrong.append(f"asked for {request.url}")


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Open windows on a server; at the end, nothing must have gone wrong in any of them."""
    opened: list[tuple[Window, Any]] = []

    def open_one(base: str, **options: Any) -> Window:
        context = browser.new_context(**options)
        made = Window(context.new_page(), base)
        opened.append((made, context))
        return made

    yield open_one
    for one, context in opened:
        assert one.wrong == []
        context.close()


@contextmanager
def lab(receiver: Callable[[Any], None] = lambda _: None) -> Iterator[tuple[Api, str]]:
    """The demo workspace on a port."""
    with Sandbox(webhook=receiver) as sandbox, serve(sandbox) as server:
        yield Api(sandbox), server.url


def kinds_of_pages(sandbox: Any) -> list[str]:
    """One page of each kind, found by following links without a browser."""
    waiting, seen, kinds = ["/"], {"/"}, dict[str, str]()
    while waiting:
        path = waiting.pop(0)
        answer = sandbox.pages().answer(sandbox, Request("GET", path))
        kind = _KINDS.sub("*", path.partition("?")[0])
        if kind in kinds or (answer.header("content-type") or "").partition(";")[0] != "text/html":
            continue
        kinds[kind] = path
        page = re.sub(r"<form.*?>", "", answer.body.decode())
        links = [link for link in sorted(links_on(page, path)) if link not in seen]
        seen.update(links)
        waiting += [link for link in links if link != "/reference" and "/static/" not in link]
    return list(kinds.values())


def test_a_table_is_sorted_filtered_and_linked(window: Callable[..., Window]) -> None:
    """A click on a heading sorts, the form filters, and the address of the page shows the same again."""
    with lab() as (api, url):
        potency = api.field("Dose", "number")
        for number in (30, 4, 200):
            api.value(api.record(Compound=f"Z-{number}")["id"], potency, number)
        shown = window(url)
        page = shown.open("/")
        page.get_by_role("link", name="Entity types").click()
        page.get_by_role("main").get_by_role("link", name="Compound", exact=True).click()
        page.get_by_label("Field").select_option(label="Dose")
        page.get_by_label("Rule").select_option("is_greater_than")
        page.get_by_role("textbox", name="Value").fill("10")
        page.get_by_role("button", name="Show").click()

        def names() -> list[str]:
            return page.get_by_role("rowheader").all_inner_texts()

        assert sorted(names()) == ["Z-200", "Z-30"]
        page.get_by_role("columnheader").get_by_role("link", name="Dose").click()
        assert names() == ["Z-30", "Z-200"]
        page.get_by_role("columnheader").get_by_role("link", name="Dose").click()
        assert names() == ["Z-200", "Z-30"]
        assert page.get_by_role("columnheader", name="Dose").get_attribute("aria-sort") == "descending"
        address = page.url.removeprefix(url)
        page = window(url).open(address)
        assert names() == ["Z-200", "Z-30"]


def test_a_registration_is_followed_while_it_goes_on(window: Callable[..., Window]) -> None:
    """Submitted by its button, it sends a webhook; what the registrar reports appears without another visit."""
    heard: list[Any] = []
    with lab(heard.append) as (api, url):
        run = api.experiment("Plate 7", "Assay results registration")
        record = api.record(Compound="SBX-1")["id"]
        api.attach(run["id"], record)
        place = next(one["id"] for one in run["properties"] if one["field_type"] == "file")
        file_id = api.upload(f"/properties/{place}/file", "r.csv", b"a,b").json()["file_id"]
        shown = window(url)
        shown.page.clock.install()
        page = shown.open(f"/browse/activities/{run['id']}")
        page.get_by_role("button", name="Submit for registration").click()
        page.wait_for_url("**/browse/registrations/*")
        assert [one["file_id"] for one in heard] == [file_id]
        state = page.locator("[data-live] .facts .chip").first
        assert state.inner_text() == "pending"
        page.evaluate("window.loaded = true")

        path = f"/operations/{run['id']}"
        api.post(f"{path}/registration_files/{file_id}/status", {"status": "validated"}, 204)
        page.clock.fast_forward(2000)
        page.locator("[data-live] .facts .chip", has_text="validated").wait_for()
        results = [{"record_id": record, "status": "error", "error_message": "smudged"}]
        api.post(f"{path}/register/{file_id}/results", {"status": "error", "records": results}, 204)
        page.clock.fast_forward(2000)
        page.get_by_text("smudged").wait_for()
        assert state.inner_text() == "failed"
        assert page.evaluate("window.loaded") is True


_SHOWN = """() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  MEASURE
  return {wide: document.documentElement.scrollWidth, dark: matchMedia("(prefers-color-scheme: dark)").matches,
          contrast: contrastOf(document.body)};
}""".replace("MEASURE", chromium.CONTRAST)


def test_pages_fit_a_phone_and_can_be_read_in_the_dark(window: Callable[..., Window]) -> None:
    """No page of either platform is wider than 320 pixels or has text of less contrast than 4.5; names stay text."""
    with lab() as (api, url), ProvenaSandbox(seed="demo") as provena, serve(provena) as second:
        hostile_workspace(api)
        headers = [("authorization", f"Bearer {provena.issue_token()}"), ("content-type", "application/json")]
        target = "/registry-api/registry/agent/organisation/create"
        body = json.dumps({"display_name": HOSTILE, "name": HOSTILE}).encode()
        assert provena.handle(Request("POST", target, headers, body)).status == 200
        for base, sandbox in ((url, api.sandbox), (second.url, provena)):
            shown = window(base, viewport={"width": 320, "height": 640})
            paths = kinds_of_pages(sandbox)
            assert len(paths) >= 9
            if sandbox is provena:  # whose items hold more the deeper they are nested
                nested = "('DATASET', 'MODEL_RUN', 'MODEL_RUN_WORKFLOW_TEMPLATE')"
                sql = f"select min(id) from document where kind = 'item' and parent in {nested} group by parent"
                paths += [f"/browse/items/{id.replace('/', '%2F')}" for (id,) in provena.store.rows(sql)]
            for path in paths:
                page = shown.open(path)
                for scheme in ("light", "dark"):
                    with row(path, scheme):
                        page.emulate_media(color_scheme=scheme)
                        told = page.evaluate(_SHOWN)
                        assert told["dark"] is (scheme == "dark")
                        assert told["wide"] <= 320
                        assert told["contrast"][0] >= 4.5, told["contrast"]


def test_a_record_fits_a_window_of_900_pixels(window: Callable[..., Window]) -> None:
    """All columns of its values and of their history are seen at once, however large the picture of a structure is."""
    with lab() as (api, url):
        record = api.record(Compound="Z-1")["id"]
        activity = api.experiment("Kinase screen", "Assay results registration")
        api.attach(activity["id"], record)
        api.value(record, api.field("Structure", "smiles-string"), "CCN(CC)CC", operation_id=activity["id"])
        page = window(url, viewport={"width": 900, "height": 800}).open(f"/browse/records/{record}")
        for name in ("Values", "History"):
            with row(name):
                table = page.get_by_role("region", name=name)
                assert table.evaluate("one => one.scrollWidth - one.clientWidth") == 0


def test_the_keyboard_is_enough(window: Callable[..., Window]) -> None:
    """The first key leads past the navigation, and whatever has the focus shows it."""
    with lab() as (_, url):
        page = window(url).open("/")
        keyboard = page.keyboard
        focus = "() => document.activeElement"
        keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        assert skip.bounding_box()["x"] >= 0  # type: ignore[index]  # it is seen
        keyboard.press("Enter")
        assert page.evaluate(f"({focus})().id") == "main"
        for _ in range(40):
            keyboard.press("Tab")
            assert page.evaluate(f"getComputedStyle(({focus})()).outlineStyle") != "none"
            if (page.evaluate(f"({focus})().getAttribute('href')") or "").startswith("/browse/entities"):
                break
        keyboard.press("Enter")
        page.wait_for_url("**/browse/entities*")
