"""R142: no secret in any way to look at a client, its settings, its errors and its answers."""

from __future__ import annotations

import copy
import pickle
import pprint
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from typing import Any
from weakref import WeakKeyDictionary

import attrs
import httpx
import pytest
from rich.pretty import pretty_repr

from kalbio import ConnectionFailedError, KaleidoscopeClient, SettingError
from tests.conftest import World
from tests.core.wire import Wire, answer

MARKS = ("sandbox-secret", "sandbox-token-")


def hides(text: str) -> bool:
    """Whether a text is free of secrets."""
    return not any(mark in text for mark in MARKS)


WRONG: dict[str, Callable[[], Any]] = {
    "a login in url": lambda: KaleidoscopeClient("id", "x", "https://me:sandbox-secret@h.invalid"),
    "a login in url, no scheme": lambda: KaleidoscopeClient("id", "x", "me:sandbox-secret@h.invalid"),
    "a login in url with a slash": lambda: KaleidoscopeClient("id", "x", "https://me:1/sandbox-secret@h.invalid"),
    "a login in url with a question mark": lambda: KaleidoscopeClient("id", "x", "https://me:1?sandbox-secret@h"),
    "a login in url, bad port": lambda: KaleidoscopeClient("id", "x", "https://me:sandbox-secret@h.invalid:x"),
    "a token in url": lambda: KaleidoscopeClient("id", "x", "https://h.invalid?token=sandbox-secret"),
    "a token in url, with @": lambda: KaleidoscopeClient("id", "x", "https://h.invalid?a=b@c&token=sandbox-secret"),
    "a token in the fragment": lambda: KaleidoscopeClient("id", "x", "https://h.invalid#token=sandbox-secret"),
    "the secret as url": lambda: KaleidoscopeClient("id", "x", "sandbox-secret"),
    "a proxy without scheme": lambda: KaleidoscopeClient("id", "x", proxy="me:sandbox-secret@h.invalid:1"),
    "a proxy with a bad port": lambda: KaleidoscopeClient("id", "x", proxy="http://me:sandbox-secret@h.invalid:x"),
    "a proxy with SOCKS": lambda: KaleidoscopeClient("id", "x", proxy="socks://me:sandbox-secret@h.invalid:1"),
    "a proxy with a query": lambda: KaleidoscopeClient("id", "x", proxy="http://h.invalid?sandbox-secret"),
    "a secret with half a pair": lambda: KaleidoscopeClient("id", "sandbox-secret\ud83d"),
    "a secret with a line end": lambda: KaleidoscopeClient("id", "sandbox-secret\n"),
    "a secret of bytes": lambda: KaleidoscopeClient("id", b"sandbox-secret"),  # type: ignore[arg-type]
    "a header beyond Latin-1": lambda: KaleidoscopeClient("id", "x", additional_headers={"X-Key": "sandbox-secret€"}),
    "a header with a line end": lambda: KaleidoscopeClient("id", "x", additional_headers={"X-Key": "sandbox-secret\n"}),
    "a header of bytes": lambda: KaleidoscopeClient("id", "x", additional_headers={"X-Key": b"sandbox-secret"}),  # type: ignore[dict-item]
    "a header in a name": lambda: KaleidoscopeClient("id", "x", additional_headers={"X-Key: sandbox-secret": "1"}),
    "headers as text": lambda: KaleidoscopeClient("id", "x", additional_headers="X-Key: sandbox-secret"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("kind", WRONG)
def test_r142_an_error_about_a_setting_shows_no_secret(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither text, representation, pickle, cause nor context has it."""
    with pytest.raises(SettingError) as caught:
        WRONG[kind]()
    error = caught.value
    assert hides(f"{error} {error!r} {vars(error)} {pickle.dumps(error)!r}")
    assert error.__cause__ is None
    assert error.__context__ is None or hides(repr(error.__context__) + repr(vars(error.__context__)))


def test_r142_a_proxy_of_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named by its variable."""
    monkeypatch.setenv("ALL_PROXY", "socks://me:sandbox-secret@h.invalid:1")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(SettingError, match="ALL_PROXY") as caught:
        KaleidoscopeClient("id", "x")
    assert hides(repr(caught.value) + str(pickle.dumps(caught.value)))


def held(thing: Any, depth: int = 7) -> Iterator[tuple[str, Any]]:
    """What vars() shows of an object and of what it holds, with a path; not of a jar of the standard library."""
    if isinstance(thing, CookieJar | type) or not depth:
        return
    if isinstance(thing, dict | WeakKeyDictionary):
        members = {str(at): value for at, value in enumerate(thing.values())}
    elif isinstance(thing, list | tuple):
        members = {str(at): value for at, value in enumerate(thing)}
    elif type(thing).__module__.startswith(("kalbio", "httpx")) and hasattr(thing, "__dict__"):
        members = dict(vars(thing))
    else:
        return
    for name, value in members.items():
        yield name, value
        for path, deeper in held(value, depth - 1):
            yield f"{name}.{path}", deeper


def used(world: World, **options: Any) -> tuple[Any, Any]:
    """A client that holds every kind of secret and has been used, and a public answer that it got."""
    wire = Wire(answer(200, [], set_cookie="session=sandbox-secret-session"), answer(200, []))
    client = world.connect(
        transport=wire,
        client_secret="sandbox-secret-own",
        additional_headers={"X-Key": "sandbox-secret-key", "X-Odd": "sandbox-secret-odd"},
        **options,
    )
    response = world(client.call({"method": "GET", "url": "/programs"}))
    assert wire.requests[0].headers["x-kal-authorization"] == "Bearer sandbox-token-access-1"
    return client, response


def test_r142_a_client_shows_no_secret(world: World) -> None:
    """Not its representation, not vars() of it and of what it holds, not with the printers that look inside."""
    client, _ = used(world)
    proxied = world.connect(proxy="http://me:sandbox-secret-pw@proxy.invalid:1")
    for one in (client, proxied):
        _ = one.records
        shown = [(path, repr(value)) for path, value in held(one)]
        assert [path for path, text in shown if not hides(text)] == []
        for thing in (one, vars(one), one._settings, one._tokens, one.additional_headers, one.raw):
            assert hides(pretty_repr(thing))
            assert hides(pprint.pformat(thing))
        assert hides(repr(attrs.asdict(one._settings)))
    cookies = next(value for _, value in held(client) if isinstance(value, httpx.Cookies))
    assert list(cookies) == ["session"]
    assert hides(repr(cookies) + repr(cookies.jar))


def test_r142_a_client_cannot_be_copied_or_pickled(world: World) -> None:
    """Nor can its settings, its headers and its tokens; the error says what to do."""
    client, _ = used(world)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be pickled or copied; make another one"):
            duplicate(client)
        for thing in (client._settings, client._settings.proxies, client.additional_headers, vars(client)):
            if duplicate is not copy.copy or not isinstance(thing, dict):
                with pytest.raises(TypeError, match="pickle"):
                    duplicate(thing)


def test_r142_an_answer_shows_no_secret(world: World) -> None:
    """Its request has the token, and headers of the caller's; neither representation, copy nor pickle shows them."""
    _, response = used(world)
    headers = response.request.headers
    assert headers["x-kal-authorization"] == "Bearer sandbox-token-access-1"  # who asks by name gets it
    for thing in (response, response.request, headers, headers.copy(), response.headers, copy.deepcopy(headers)):
        assert hides(repr(thing))
        assert hides(pretty_repr(thing))
        assert hides(str(pickle.dumps(thing)))
    assert hides(repr(vars(response)) + repr(vars(response.request)))
    assert "user-agent" in repr(headers)
    assert pickle.loads(pickle.dumps(headers))["user-agent"] == headers["user-agent"]


@pytest.mark.parametrize("login", [True, False])
def test_r142_the_cause_of_an_error_leads_to_no_secret(world: World, login: bool) -> None:
    """The library's error has its request, that of a login with the secret in its body: only where it went is kept."""
    failure = httpx.ConnectError("no")
    wire = Wire(logins=[failure]) if login else Wire(failure)
    client = world.connect(transport=wire, client_secret="sandbox-secret-own", retries=0)
    with pytest.raises(ConnectionFailedError) as caught:
        world(client.call({"method": "GET", "url": "/programs"}))
    assert caught.value.__cause__ is failure
    request = failure.request
    assert hides(repr(request.headers.raw) + repr(request.content) + repr(vars(request)))
    assert str(request.url).endswith("/auth/oauth/token" if login else "/programs")
