"""The error classes: which one, what it knows, what it hides, and that it survives copying."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import kalbio
from kalbio import FieldTypeError
from kalbio._core import errors
from kalbio._core.constants import MAX_ERROR_BODY
from kalbio._core.errors import (
    AmbiguousIdentifierError,
    APIError,
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    IdentifierNotFoundError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ResponseError,
    SDKError,
    ServerError,
    TransportError,
    ValidationError,
)
from kalbio._core.retry import RetryPolicy
from kalbio._core.text.redaction import HIDDEN, redact, redact_all
from kalbio._model.platform import KALEIDOSCOPE
from tests.core.wire import SECRET, Core, Wire, answer, tokens

ONCE = RetryPolicy(attempts=1)


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    """The text at the top of the module names every error class under its real base."""
    drawn: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([\s│├└─]*)(\w+Error)\b", line)
        if match is None or not (set(match[1]) & set("├└") or match[2] == "SDKError"):
            continue
        depth = len(match[1])
        while stack and stack[-1][0] >= depth:
            stack.pop()
        drawn[match[2]] = stack[-1][1] if stack else "Exception"
        stack.append((depth, match[2]))
        for status in re.findall(r"\b[45]\d\d\b(?! or more)", line):
            assert type(APIError.for_status("GET", "/", int(status), b"")).__name__ == match[2]

    real = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, SDKError) and name == kind.__name__  # older names are no classes
    }
    assert drawn == real
    assert len(drawn) > 10


def test_the_public_names_are_those_of_the_floor() -> None:
    """`except kalbio.KalbioError` catches what the floor raises, under each of the three names that differ."""
    assert (kalbio.KalbioError, kalbio.KalbioAPIError, kalbio.KalbioResponseError) == (
        SDKError,
        APIError,
        ResponseError,
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ValidationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, APIError),
        (409, ConflictError),
        (418, APIError),
        (422, ValidationError),
        (429, RateLimitError),
        (499, APIError),
        (500, ServerError),
        (501, ServerError),
        (503, ServerError),
        (599, ServerError),
    ],
)
def test_each_status_has_its_class_and_the_error_knows_the_call(core: Core, status: int, kind: type[APIError]) -> None:
    """Method, relative path without host and query, status, request id, code, message and details are attributes."""
    body = {"code": "c-1", "message": "what is wrong", "details": [{"path": ["name"]}], "more": 1}
    wire = Wire(answer(status, body, x_request_id="r-7"))
    with pytest.raises(APIError) as caught:
        core.call(core.open(wire, retry=ONCE, base_url="https://api.invalid/v1/"), path="/things/1", params={"q": "x"})
    error = caught.value
    assert type(error) is kind
    assert (error.method, error.path, error.url, error.status_code) == (
        "GET", "/v1/things/1", "/v1/things/1", status,
    )  # fmt: skip
    assert (error.code, error.message, error.details) == ("c-1", "what is wrong", [{"path": ["name"]}])
    assert error.request_id == "r-7"
    assert json.loads(error.response_body) == body
    assert f"GET /v1/things/1 failed with status {status}" in str(error)
    assert "what is wrong" in str(error)
    assert "api.invalid" not in str(error)


READ: Any = {"read_body": KALEIDOSCOPE.read_error}


@pytest.mark.parametrize("name", ["details", "issues", "errors", "validation"])
def test_details_come_under_any_of_the_names_a_server_uses(name: str) -> None:
    """What refuses a request may be a gateway, a validator or the server itself."""
    error = APIError.for_status("POST", "/", 400, json.dumps({name: [1], "code": 7}).encode(), **READ)
    assert error.details == [1]
    assert error.code == "7"
    assert error.message is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><h1>Bad gateway</h1></html>", b"\xff\xfe\x00bad", b'{"code": "cut of', b"null", b"7", b"[" * 100_000],
    ids=lambda body: repr(body[:20]),
)
def test_any_body_makes_an_error_and_none_breaks_it(core: Core, body: bytes) -> None:
    """HTML, binary, cut, nested or no text: the status still decides, and code and message are None."""
    with pytest.raises(NotFoundError) as caught:
        core.call(core.open(Wire(answer(404, body))))
    assert (caught.value.code, caught.value.message) == (None, None)
    str(caught.value)


def test_long_bodies_are_cut() -> None:
    """An error keeps a few kilobytes of a body and says that it is cut."""
    error = APIError.for_status("GET", "/", 500, "ü".encode() * 100_000)
    assert len(error.response_body) < MAX_ERROR_BODY + 20
    assert error.response_body.endswith(b"(cut)")
    assert len(str(error)) < MAX_ERROR_BODY + 100


def test_a_secret_across_the_cut_is_hidden_whole() -> None:
    """Cutting comes after hiding: no first half of a token stands at the end of the body."""
    body = b"x" * (MAX_ERROR_BODY - 5) + b"secret-token" + b"y" * 100
    assert b"secre" not in APIError.for_status("GET", "/", 500, body, secrets=["secret-token"]).response_body


EVERY_ERROR = [
    SDKError("plain"),
    FieldTypeError("Comment", "f-1", "text", "number"),
    *(
        APIError.for_status("GET", "/a", status, b'{"code": "c", "details": [1]}', request_id="r", retry_after=2.0)
        for status in (400, 401, 403, 404, 405, 409, 422, 429, 500)
    ),
    ResponseError("GET", "/a", b"<html>", "no JSON"),
    TransportError("GET", "/a", "bad"),
    ConnectionFailedError("GET", "/a", "refused", host="::1", port=80),
    RequestTimeoutError("GET", "/a", "late"),
    OutcomeUnknownError("POST", "/a", "lost", b"{}"),
    OutcomeUnknownError("POST", "/a", "500", None, answer=APIError.for_status("POST", "/a", 500, b"boom")),
    errors.UnreadableTimeError("created_at", "yesterday"),
    errors.OutcomeError("it failed", {"state": "failed"}),
    errors.JournalError("The journal load.db is in use."),
    errors.SettingError("url must be text; got 7"),
    errors.ClientClosedError(),
    errors.UnreadableTimeError("created_at", "soon"),
    errors.WaitTimeoutError("it goes on", {"state": "running"}),
    errors.IdentifierError("field", "a", "text"),
    IdentifierNotFoundError("field", "logp", ["logP"], "try again"),
    AmbiguousIdentifierError("field", "logP", ["1", "2"]),
]


def shown(error: Any) -> Any:
    """Everything of an error that a reader can see."""
    state = {name: shown(value) if isinstance(value, Exception) else value for name, value in vars(error).items()}
    return type(error), str(error), error.args, state


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: f"{type(error).__name__}: {error}"[:60])
def test_errors_survive_pickling_and_copying(error: SDKError) -> None:
    """A worker process, a copy and a deep copy keep type, text and attributes."""
    error.add_note("in row 7")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert shown(twin) == shown(error)
        assert twin is not error


def test_every_class_is_among_those_that_are_pickled() -> None:
    """A new error class has to join the list above."""
    real = {kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, SDKError)}
    assert {type(error) for error in EVERY_ERROR} == real | {FieldTypeError}


# -- secrets ----------------------------------------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "json": lambda secret: json.dumps(secret),
    "json, raw characters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json, slashes escaped": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "url": lambda secret: quote(secret, safe=""),
    "url, lower case": lambda secret: re.sub("%..", lambda m: m[0].lower(), quote(secret, safe="")),
    "form": lambda secret: str(httpx.QueryParams({"x": secret}))[2:],
    "html": lambda secret: secret.replace("&", "&amp;").replace('"', "&quot;"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_hidden_in_every_usual_spelling(spelling: str) -> None:
    """Raw, JSON, URL, form and HTML encoded alike."""
    text = f"<< {SPELLINGS[spelling](SECRET)} >>"
    hidden = redact(text, [SECRET])
    assert HIDDEN in hidden
    assert "very" not in hidden


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"access_token": "abc", "n": 1}', '{"access_token": "[hidden]", "n": 1}'),
        (
            r'{"message": "got {\"client_secret\": \"abc\", 1"}',
            r'{"message": "got {\"client_secret\": \"[hidden]\", 1"}',
        ),
        ('{"refresh_token":"a\\"b"}', '{"refresh_token":"[hidden]"}'),
        ('{"client_secret": "cut off', '{"client_secret": "[hidden]"'),
        ("grant=x&client_secret=abc&n=1", "grant=x&client_secret=[hidden]&n=1"),
        ("X-Kal-Authorization: Bearer abc.def-1", "X-Kal-Authorization: Bearer [hidden]"),
        ('{"X-Kal-Authorization": "abc"}', '{"X-Kal-Authorization": "[hidden]"}'),
        ('{"PASSWORD": "abc"}', '{"PASSWORD": "[hidden]"}'),
        ("nothing to hide: token of thanks", "nothing to hide: token of thanks"),
    ],
)
def test_what_is_spelled_like_a_credential_is_hidden_unseen(text: str, hidden: str) -> None:
    """Credentials of someone else, which the client does not know, are hidden by their names."""
    assert redact(text) == hidden


def test_empty_secrets_hide_nothing() -> None:
    """A token that is not there yet does not blank out every text."""
    assert redact("text", ["", ""]) == "text"


@pytest.mark.parametrize(
    ("secret", "text", "hidden"),
    [
        ("s", "Connection refused: secret=s", "Connection refused: secret=[hidden]"),
        ("wrong", "wrongly said: 'wrong'", "wrongly said: '[hidden]'"),
        ("ab&c", 'xab&c, "ab&c" ab%26c ab&amp;c', 'xab&c, "[hidden]" [hidden] [hidden]'),
        ("abc", r"%22abc%22 \nabc\u000aabc", r"%22[hidden]%22 \n[hidden]\u000a[hidden]"),
        ("abcdef", "xabcdefx", "x[hidden]x"),
    ],
)
def test_a_short_secret_is_hidden_where_it_stands_alone(secret: str, text: str, hidden: str) -> None:
    """Ordinary words that have its letters in them stay readable; from six characters on it is hidden everywhere."""
    assert redact(text, [secret]) == hidden


def test_parsed_values_are_hidden_at_any_depth() -> None:
    """Keys and values of parsed JSON are free of secrets; other values stay."""
    assert redact_all({"a s1": ["s1", {"b": "x s1", "n": 1, "z": None}]}, ["s1"]) == {
        f"a {HIDDEN}": [HIDDEN, {"b": f"x {HIDDEN}", "n": 1, "z": None}]
    }


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_server_that_echoes_secrets_does_not_spread_them(
    core: Core, caplog: pytest.LogCaptureFixture, status: int, spelling: str
) -> None:
    """Token, client secret, proxy token and confidential headers: not in text, attributes, pickles or DEBUG logs."""
    caplog.set_level(logging.DEBUG)
    number = 2 if status == 401 else 1  # a refused token is renewed once
    given = [f"sandbox-token-access-{number}", f"sandbox-token-refresh-{number}"]
    secrets = [SECRET, *given, "sandbox-token-identity-1", "sandbox-secret-api-key"]
    echo = " ".join(SPELLINGS[spelling](secret) for secret in secrets)
    body = json.dumps({"code": echo, "message": echo, "details": {echo: [echo]}}).encode()
    pipe = core.open(
        Wire(answer(status, body), answer(status, body)),
        retry=ONCE,
        extra_headers={"X-Api-Key": "sandbox-secret-api-key"},
        fetch_identity=lambda: "sandbox-token-identity-1",
    )
    with pytest.raises(APIError) as caught:
        core.call(pipe)
    error = caught.value
    everything = "".join([str(error), repr(error), str(vars(error)), str(pickle.dumps(error)), caplog.text])
    assert not [secret for secret in [*secrets[1:], "very"] if secret in everything]
    assert "request" not in vars(error)


def test_a_secret_in_needless_escapes_is_hidden_once_it_is_parsed(core: Core) -> None:
    """A server may escape any letter: neither the members nor the text of the error show it then."""
    escaped = rb'"sandbox-token-\u0061ccess-1"'
    body = b'{"code": %b, "message": %b, "details": [%b]}' % (escaped, escaped, escaped)
    with pytest.raises(NotFoundError) as caught:
        core.call(core.open(Wire(answer(404, body))))
    assert (caught.value.code, caught.value.message, caught.value.details) == (HIDDEN, HIDDEN, [HIDDEN])
    assert "ccess-1" not in str(caught.value)


def test_a_failing_token_endpoint_that_echoes_the_grant_does_not_spread_it(core: Core) -> None:
    """The refresh token that was presented is hidden though the client has given it up."""

    def echo(request: httpx.Request) -> httpx.Response:
        return answer(500, b"you sent: " + request.content + b" (" + b"sandbox-token-refresh-1" + b")")

    pipe = core.open(Wire(logins=[tokens(1, lifetime=9), echo]), retry=ONCE)
    core.call(pipe)
    core.clock.now += 10
    with pytest.raises(ServerError) as caught:
        core.call(pipe)
    assert "you sent" in str(caught.value)
    assert "sandbox-token-refresh-1" not in str(caught.value) + str(vars(caught.value))


def test_a_refused_login_that_echoes_the_form_does_not_spread_the_secret(core: Core) -> None:
    """Some servers repeat the request in their answer."""

    def echo(request: httpx.Request) -> httpx.Response:
        return answer(401, b"you sent: " + request.content)

    with pytest.raises(AuthenticationError) as caught:
        core.call(core.open(Wire(logins=[echo])))
    assert "you sent" in str(caught.value)
    assert "very" not in str(caught.value) + str(vars(caught.value))


def test_a_write_of_unknown_outcome_shows_its_body_without_secrets(core: Core) -> None:
    """What was sent is kept for the caller, but a secret in it is not."""
    wire = Wire(httpx.ReadTimeout("Bearer sandbox-token-access-1"))
    with pytest.raises(OutcomeUnknownError) as caught:
        core.call(core.open(wire), "POST", json={"note": f"my {SECRET}", "n": 1})
    assert caught.value.sent == b'{"note":"my [hidden]","n":1}'
    assert "sandbox-token-access-1" not in str(caught.value)


def test_chains_of_errors_hold_no_secret(core: Core) -> None:
    """Libraries that send errors to another process, as Dask does, pickle causes and contexts too: without secrets."""
    lost, odd = (
        httpx.ReadTimeout("Bearer sandbox-token-access-1"),
        httpx.LocalProtocolError(f"Illegal value {SECRET!r}"),
    )
    wires = {"lost": Wire(lost), "odd": Wire(odd), "echo": Wire(answer(200, b"<html>sandbox-token-access-1"))}
    for name, wire in wires.items():
        pipe = core.open(wire, retry=ONCE)
        with pytest.raises(SDKError) as caught:
            core.call(pipe, "POST" if name == "lost" else "GET", json={"note": f"my {SECRET}"}).json()
        chain: list[BaseException] = [caught.value]
        for error in chain:
            chain += {one for one in (error.__cause__, error.__context__) if one is not None and one not in chain}
        assert [part for part in map(repr, map(vars, chain)) if "sandbox-token" in part or SECRET in part] == []
        assert [error for error in chain if "sandbox-token" in str(error) or SECRET in str(error)] == [], name


def test_a_library_error_that_shows_a_header_does_not_spread_it(core: Core) -> None:
    """Some texts of the HTTP library quote what they could not send."""
    wire = Wire(httpx.LocalProtocolError("Illegal header value b'sandbox-token-access-1\\n'"))
    with pytest.raises(ConnectionFailedError) as caught:
        core.call(core.open(wire, retry=ONCE))
    assert "Illegal header value" in str(caught.value)
    assert "sandbox-token-access-1" not in str(caught.value)


def test_an_unusable_answer_that_echoes_the_token_does_not_spread_it(core: Core) -> None:
    """The error of a 2xx answer hides secrets as well."""
    with pytest.raises(ResponseError) as caught:
        core.call(core.open(Wire(answer(200, b"<html>sandbox-token-access-1")))).json()
    assert caught.value.response_body == b"<html>[hidden]"
    assert "sandbox-token-access-1" not in str(caught.value)
