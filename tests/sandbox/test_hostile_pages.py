"""Pages of the sandbox, asked for and told odd things."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from kalbio.sandbox import Request
from kalbio.testing import InProcess
from tests.rows import row
from tests.sandbox.wire import Api


def test_odd_values_of_conditions_are_refused(kalbio_sandbox: InProcess) -> None:
    """What no rule compares with is told on the page, and is no failure of the server."""
    sandbox = kalbio_sandbox.sandbox
    api = Api(sandbox)
    field = api.field("Day", "date")
    type_id = sandbox.store.all("slice")[0]["id"]
    assert sandbox.pages is not None
    for value in ("[true]", "[null, 1]", "[1e999]", '[["a"]]', '[{"a": 1}]', "[" * 5_000):
        with row(value[:20]):
            query = urlencode([("field", field), ("rule", "is_between_relative_day"), ("value", value)])
            answer = sandbox.pages().answer(sandbox, Request("GET", f"/browse/entities/{type_id}?{query}"))
            assert answer.status == 400
            assert b'role="alert"' in answer.body


def test_a_file_is_named_by_a_text(kalbio_sandbox: InProcess) -> None:
    """A reference to a file by anything but an id is refused, whatever it is."""
    sandbox = kalbio_sandbox.sandbox
    api = Api(sandbox)
    record, field = api.record(Compound="SBX-1")["id"], api.field("Spectrum of it", "file")
    for odd in ({"a": 1}, ["a"], 10**30, True, None):
        with row(repr(odd)):
            body = {"field_id": field, "content": {"file_id": odd}}
            assert api.call("POST", f"/records/{record}/values", body).status == 400


def test_an_object_under_the_name_of_a_secret_is_hidden(kalbio_sandbox: InProcess) -> None:
    """The page of a request shows nothing that stands under the name of a secret, of whatever type it is."""
    sandbox = kalbio_sandbox.sandbox
    sandbox.access_log.keep()
    body = json.dumps({"client_secret": {"x": "sandboxed"}, "api_key": True, "shown": {"x": "open"}}).encode()
    sandbox.handle(Request("POST", "/auth/oauth/token", [("content-type", "application/json")], body))
    assert sandbox.pages is not None
    page = sandbox.pages().answer(sandbox, Request("GET", "/browse/requests/1")).body
    assert b"open" in page
    assert b"sandboxed" not in page
