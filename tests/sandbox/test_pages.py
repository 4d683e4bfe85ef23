"""The pages of the sandbox, without a browser: what is stored is there, as text."""

from __future__ import annotations

from collections.abc import Iterator

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
