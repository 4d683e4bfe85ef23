"""The pages of the sandbox, without a browser: what is stored is there, as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urldefrag, urljoin

import pytest

from kalbio.sandbox import Request, Response, Sandbox
from tests.sandbox.wire import Api

HOSTILE = '<img src=x onerror="alert(1)">&\'{{ 7 * 7 }}'


@pytest.fixture
def api() -> Iterator[Api]:
    """The demo, reached by its API."""
    with Sandbox() as sandbox:
        yield Api(sandbox)


def look(sandbox: Sandbox, target: str, method: str = "GET", **headers: str) -> Response:
    """Ask for a page, as a server does."""
    assert sandbox.pages is not None
    return sandbox.pages().answer(sandbox, Request(method, target, list(headers.items())))


def text_of(answer: Response) -> str:
    """The text of a page that is there."""
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_names_are_text(api: Api) -> None:
    """What a name holds is shown as it is, and no page lets anything run that stands in it."""
    api.post("/programs", {"title": HOSTILE})

    answer = look(api.sandbox, "/browse/programs")

    page = text_of(answer)
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;&amp;&#39;{{ 7 * 7 }}" in page
    assert "<img" not in page
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy


def test_what_is_not_there_is_a_page_that_says_so(api: Api) -> None:
    """An unknown address is a 404 with a way back."""
    answer = look(api.sandbox, "/browse/nothing")

    assert (answer.status, answer.header("content-type")) == (404, "text/html; charset=utf-8")
    assert b'href="/"' in answer.body


def hostile_workspace(api: Api) -> None:
    """Fill a workspace with something of every kind, all of it under hostile names."""
    field, file_field = api.field(HOSTILE), api.field("Spectrum", "file")
    record = api.record(**{HOSTILE: HOSTILE})
    api.value(record["id"], field, HOSTILE)
    api.value(record["id"], api.field("Link", "URL"), ["https://example.org/a", 'javascript:alert("1")'])
    api.value(record["id"], api.field("SMILES", "smiles-string"), "CCO")
    api.value(record["id"], api.field("Other", "record-reference"), record["id"])
    api.upload(f"/records/{record['id']}/values/file", "page.html", HOSTILE.encode(), {"field_id": file_field})
    activity = api.experiment(HOSTILE, "Assay results registration")
    api.attach(activity["id"], record["id"])
    api.value(record["id"], field, HOSTILE + "2", operation_id=activity["id"])
    prop = next(one for one in activity["properties"] if one["field_type"] == "file")
    file_id = api.upload(f"/properties/{prop['id']}/file", HOSTILE.replace('"', "'"), b"x").json()["file_id"]
    api.post(f"/operations/{activity['id']}/register/{file_id}", {})
    rows = [{HOSTILE: "A", "Potency (nM)": HOSTILE}, {HOSTILE: "B", "Potency (nM)": 1}]
    api.post("/push/imports", {"key_field_names": [HOSTILE], "data": rows, "operation_id": activity["id"]})
    api.post("/programs", {"title": HOSTILE})


def links_on(page: str, base: str) -> set[str]:
    """Where a page leads to, on this server."""
    found = {urljoin(base, unescape(link)) for link in re.findall(r'(?:href|src|action)="([^"]*)"', page)}
    return {urldefrag(link)[0] for link in found if link.startswith("/")}


def test_every_link_leads_to_a_page_and_names_stay_text_on_all_of_them(api: Api) -> None:
    """All links of a workspace of hostile names are followed from the first page on: none is broken, none is markup."""
    hostile_workspace(api)
    waiting, seen = ["/"], {"/", "/reference"}
    kinds = set()
    while waiting:
        path = waiting.pop()
        answer = look(api.sandbox, path)
        assert answer.status == 200, (path, answer.body)
        kinds.add(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", path.partition("?")[0]))
        if (answer.header("content-type") or "").startswith("text/html"):
            page = answer.body.decode()
            assert "<img src=x" not in page, path
            assert 'href="javascript:' not in page, path
            # a form is not sent by looking around
            new = {link for link in links_on(page, path) if not link.endswith(("/send", "/submit", "/validate"))} - seen
            seen |= new
            waiting += new
    assert kinds >= {f"/browse/{kind}/*" for kind in ("activities", "entities", "records", "imports", "registrations")}
    assert "/browse/files/*" in kinds
