"""The pages of the last requests: without a browser, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kalbio.sandbox import Fault, Request, Sandbox
from tests.rows import row
from tests.sandbox.test_access_log import registration
from tests.sandbox.test_pages import HOSTILE, look, text_of
from tests.sandbox.wire import Api


@pytest.fixture
def api() -> Iterator[Api]:
    """A demo whose requests are kept, as those of a server are."""
    with Sandbox(webhook=lambda _: None) as sandbox:
        sandbox.access_log.keep()
        yield Api(sandbox)


def newest(sandbox: Sandbox) -> str:
    """The page of the newest request."""
    return text_of(look(sandbox, f"/browse/requests/{sandbox.access_log.entries()[0].number}"))


def listed(api: Api, query: str = "") -> list[str]:
    """The requests on the page that lists them."""
    return re.findall(r"<code>([^<]*)</code></a></th>", text_of(look(api.sandbox, f"/browse/requests{query}")))


def test_the_list_is_filtered_by_operation_and_outcome(api: Api) -> None:
    """Newest first; one that is not kept any more is a 404."""
    assert listed(api) == ["POST /auth/oauth/token"]
    api.get("/programs")
    api.get("/records", nope="1")
    api.sandbox.faults.add(Fault("listPrograms", reset=True))
    api.sandbox.handle_with_faults(Request("GET", "/programs"))
    registration(api)
    assert listed(api)[-4:] == ["GET /programs", "GET /records", "GET /programs", "POST /auth/oauth/token"]
    for query, expected in (
        ("?operation=listPrograms", ["GET /programs", "GET /programs"]),
        ("?operation=listPrograms&outcome=200", ["GET /programs"]),
        ("?outcome=refused", ["GET /records"]),
        ("?outcome=fault", ["GET /programs"]),
        ("?outcome=400", ["GET /records"]),
        ("?outcome=400&operation=listPrograms", []),
    ):
        with row(query):
            assert listed(api, query) == expected
    (caused,) = listed(api, "?outcome=webhook")
    assert "/register/" in caused
    assert look(api.sandbox, "/browse/requests/999").status == 404


def test_a_page_says_which_rule_refused_a_request(api: Api) -> None:
    """With the place in the body as a pointer; names are text, and a fault says whether the request was carried out."""
    api.call("POST", "/programs", {"title": [1], HOSTILE: 2})
    page = newest(api.sandbox)
    for text in ("invalid_body", "<code>body/title</code>", "<code>type</code>", "&lt;img src=x onerror="):
        assert text in page
    assert "<img" not in page
    assert "additionalProperties" in page

    api.sandbox.faults.add(Fault("createProgram", status=504, after=True))
    headers = [("x-kal-authorization", f"Bearer {api.token}"), ("content-type", "application/json")]
    api.sandbox.handle_with_faults(Request("POST", "/programs", headers, b'{"title": "P"}'))
    page = newest(api.sandbox)
    assert "status=504" in page
    assert "The request was carried out." in page
    assert "{\n  &#34;title&#34;: &#34;P&#34;\n}" in page

    registration(api)
    page = newest(api.sandbox)
    assert "registration_submitted" in page
    assert ">delivered</span>" in page


def test_no_page_shows_a_secret(api: Api) -> None:
    """However it is sent: in a header, a query, a form, JSON with escapes or without its end, or an answer."""
    secret = "hunter2 is mine"
    quoted = secret.replace(" ", "%20")
    json, form = "application/json", "application/x-www-form-urlencoded"
    deep = '{"a": [{"\\u0070assword": "' + secret + '", "note": "seen"}]'
    for target, headers, body in (
        ("/programs?token=" + quoted + "&seen=1", [("x-api-key", secret), ("cookie", secret), ("via", "seen")], ""),
        ("/programs", [("authorization", "Basic " + secret), ("via", "seen")], ""),
        ("/auth/oauth/token", [("content-type", form)], f"grant_type=seen&p%61ssword={secret.replace(' ', '+')}"),
        ("/auth/oauth/token", [("content-type", form)], f"grant_type=seen&client_secret={secret.replace(' ', '+')}"),
        ("/programs", [("content-type", json)], deep + "}"),
        ("/programs", [("content-type", json)], f'{{"note": "seen", "tokens": {{"id_token": ["{secret}"]}}}}'),
        ("/programs", [("content-type", json)], f'{{"note": "seen", "tokens": ["{secret}", "{secret}"]}}'),
        ("/programs", [("content-type", json)], f'{{"note": "seen", "accessKeys": ["a]", "{secret}"], "b": '),
        ("/programs?seen=1&tokens=" + quoted, [], ""),
        ("/programs", [("content-type", json)], deep),
        ("/programs", [("content-type", json)], deep + ' "' + "x" * 70_000),
        ("/programs", [("content-type", "text/plain")], f'seen "access_token":\n"{secret}"'),
        ("/programs", [], f'{{"note": "seen", "url": "https://me:{quoted}@a.invalid/?signature={quoted}"}}'),
    ):
        with row((target, body[:80])):
            api.sandbox.handle(Request("POST", target, headers, body.encode()))
            page = newest(api.sandbox)
            assert "seen" in page
            assert "[hidden]" in page
            assert "hunter2" not in page
            assert "hunter2" not in text_of(look(api.sandbox, "/browse/requests"))

    api.login()
    page = newest(api.sandbox)
    assert "access_token&#34;: &#34;[hidden]&#34;" in page
    assert "sandbox-" not in page.replace("sandbox-id", "")


def test_the_secret_of_a_login_is_shown_nowhere() -> None:
    """A sandbox knows its own secret, and hides it where nothing says what it is: bare in a list, or in a path."""
    with Sandbox(client_secret="violet horse") as sandbox:
        sandbox.access_log.keep()
        for target, body in (
            ("/programs", b'["seen", "violet horse", {"note": "it is violet horse"}]'),
            ("/programs/violet%20horse?note=violet+horse&seen=1", b""),
            ("/programs", b"seen violet horse"),
        ):
            with row(target, body):
                sandbox.handle(Request("POST", target, [], body))
                page = newest(sandbox)
                assert "seen" in page
                assert "[hidden]" in page
                assert "violet" not in page


def test_what_is_no_text_is_told_by_its_size(api: Api) -> None:
    """And the beginning of a long text, with nothing in it that moves a cursor."""
    for kind, body, told in (
        ("image/png", b"seen" * 10, "40 B of image/png"),
        ("", b"\xff\xfe seen", "7 B"),
        ("text/plain", b"line\x1b[31m\r\nnext\xe2\x80\xae", "line\\x1b[31m\nnext\\u202e</pre>"),
        ("text/plain", b"y" * 70_000 + b"seen", "70.0 kB of text/plain; the beginning of it"),
    ):
        with row(kind, body[:20]):
            api.sandbox.handle(Request("POST", "/programs", [("content-type", kind)] if kind else [], body))
            page = newest(api.sandbox)
            assert told in page
            assert "seen" not in page
