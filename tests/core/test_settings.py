"""What a client can be set to, and that the settings arrive where they work."""

from __future__ import annotations

import asyncio
import pickle
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient, NotFoundError, RetryPolicy, SettingError, Timeouts
from kalbio._version import __version__
from tests.conftest import World
from tests.core.wire import Wire, answer

DEFAULT = {"connect": 10.0, "read": 120.0, "write": 120.0, "pool": 60.0}
VARIABLES = (
    "KALEIDOSCOPE_API_CLIENT_ID", "KALEIDOSCOPE_API_CLIENT_SECRET", "KALEIDOSCOPE_API_URL", "KALEIDOSCOPE_ON_ERROR",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the machine that runs the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def listing(world: World, client: Any) -> Any:
    """Make one call."""
    return world(client.programs.get_programs(use_cache=False))


def of_the_last(wire: Wire) -> Any:
    """The time limits that the last request carried."""
    return wire.requests[-1].extensions["timeout"]


def programs() -> Any:
    """A wire that answers every call with an empty list."""
    return Wire(*[lambda request: answer(200, [])] * 100)


# -- time limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (None, DEFAULT),
        (5, {"connect": 5, "read": 5, "write": 5, "pool": 5}),
        (Timeouts(read=600), {**DEFAULT, "read": 600}),
        (Timeouts(read=None), {**DEFAULT, "read": None}),
    ],
)
def test_the_time_limits_of_a_client_are_on_each_request(world: World, given: Any, limits: Any) -> None:
    """A number for each phase alike, Timeouts for single phases, and defaults that wait for slow exports."""
    wire = programs()
    client = world.connect(transport=wire, timeout=given)
    listing(world, client)
    assert of_the_last(wire) == wire.logins[0].extensions["timeout"] == limits


def test_a_block_sets_other_time_limits_and_ends(world: World) -> None:
    """Inner blocks win, the outer ones come back, and an error ends a block too."""
    wire = programs()
    client, other = world.connect(transport=wire), world.connect(transport=wire)
    with client.timeout(5):
        listing(world, client)
        assert of_the_last(wire)["read"] == 5
        assert wire.logins[0].extensions["timeout"]["read"] == 5
        with client.timeout(Timeouts(read=7)):
            listing(world, client)
            assert of_the_last(wire) == {**DEFAULT, "read": 7}
        listing(world, other)
        assert of_the_last(wire) == DEFAULT
        listing(world, client)
        assert of_the_last(wire)["read"] == 5
    with pytest.raises(ZeroDivisionError), client.timeout(5):
        raise ZeroDivisionError
    listing(world, client)
    assert of_the_last(wire) == DEFAULT


def test_a_block_concerns_its_own_thread(world: World) -> None:
    """Another thread that uses the client meanwhile keeps the limits of the client."""
    if world.kind == "async":
        pytest.skip("threads belong to the sync world")
    wire = programs()
    client = world.connect(transport=wire)
    with client.timeout(5), ThreadPoolExecutor(1) as pool:
        pool.submit(listing, world, client).result()
    assert of_the_last(wire) == DEFAULT


def test_a_block_concerns_its_own_task(world: World) -> None:
    """A task that runs beside the block keeps the limits of the client."""
    if world.kind == "sync":
        pytest.skip("tasks belong to the async world")
    wire = programs()
    client = world.connect(transport=wire)

    async def beside(inside: asyncio.Event) -> None:
        await inside.wait()
        await client.programs.get_programs(use_cache=False)

    async def scene() -> None:
        inside = asyncio.Event()
        task = asyncio.create_task(beside(inside))
        with client.timeout(5):
            inside.set()
            await task

    world(scene())
    assert of_the_last(wire) == DEFAULT


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), True])
def test_a_time_limit_that_makes_no_sense_is_refused(wrong: Any) -> None:
    """When the client is made, not at its first call."""
    with pytest.raises(ValueError, match="number of seconds above 0"):
        Timeouts.of(wrong)
    with pytest.raises(ValueError, match="read must be a number of seconds above 0"):
        Timeouts(read=wrong)


# -- the connection ---------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(world: World, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of each network transport, ours and the HTTP library's, in place of opening it."""
    made: list[dict[str, Any]] = []

    def record(**arguments: Any) -> Wire:
        wire: Wire = programs()
        made.append({**arguments, "wire": wire})
        return wire

    prefix = "" if world.kind == "sync" else "Async"
    for name in (f"{prefix}Transport", f"{prefix}HTTPTransport", "Http2Transport"):
        monkeypatch.setattr(f"kalbio._core.http.pools.{name}", record)
    return made


def test_the_defaults_of_the_connection(world: World, opened: list[dict[str, Any]]) -> None:
    """One pool with keep-alive, certificates checked, HTTP/1.1."""
    client = world.connect()
    assert opened == []
    for _ in range(3):
        listing(world, client)
    (arguments,) = opened
    assert arguments["tls"]().verify_mode is ssl.CERT_REQUIRED
    assert arguments["tls"]().check_hostname
    assert arguments["tls"]() is arguments["tls"]()
    assert arguments["limit"] == 20
    assert arguments["keep"] > 0


def test_settings_of_the_connection_reach_it(world: World, opened: list[dict[str, Any]]) -> None:
    """Pool, proxy and certificates are those that were asked for."""
    context = ssl.create_default_context()
    client = world.connect(verify_ssl=context, max_connections=3, proxy="http://user:pass-word@proxy.invalid:3128")
    listing(world, client)
    direct, proxied = sorted(opened, key=lambda arguments: "proxy" in arguments)
    assert (direct["tls"](), direct["limit"]) == (context, 3)
    assert proxied["proxy"] == "http://user:pass-word@proxy.invalid:3128"
    assert proxied["verify"] is context
    assert proxied["http2"] is False
    assert proxied["limits"].max_connections == 3
    assert "pass-word" not in repr(client) + repr(client._settings)


def test_http2_is_spoken_only_when_asked_for_and_by_tasks_alone(world: World, opened: list[dict[str, Any]]) -> None:
    """The library's is not safe for threads: the sync client refuses it when it is made."""
    if world.kind == "sync":
        with pytest.raises(SettingError, match="http2=True works with the async client only"):
            world.connect(http2=True)
    else:
        listing(world, world.connect(http2=True))
        assert [arguments["http2"] for arguments in opened] == [True]
    with pytest.raises(SettingError, match="http2 must be True or False; got 'yes'"):
        world.connect(http2="yes")


def test_certificate_checks_can_be_switched_off_or_given_a_file(
    world: World, opened: list[dict[str, Any]], tmp_path: Path
) -> None:
    """False means none; a path names a file of trusted certificates, and must exist when the client is made."""
    listing(world, world.connect(verify_ssl=False))
    assert opened[0]["tls"]().verify_mode is ssl.CERT_NONE
    with pytest.raises(SettingError, match=r"verify_ssl .*none\.pem"):
        world.connect(verify_ssl=tmp_path / "none.pem")


def test_the_proxy_of_the_environment_is_used(
    world: World, opened: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other program on the machine does."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    listing(world, world.connect(url="https://api.invalid"))
    assert [arguments["proxy"] for arguments in opened if arguments.get("proxy")] == ["http://proxy.invalid:3128"]


def test_requests_name_the_client_and_its_version(world: World) -> None:
    """Logins and calls alike."""
    wire = programs()
    listing(world, world.connect(transport=wire))
    assert wire.requests[0].headers["user-agent"] == wire.logins[0].headers["user-agent"] == f"kalbio/{__version__}"


def test_headers_are_copied_and_can_be_changed_later(world: World) -> None:
    """Two clients share nothing; a change of `client.additional_headers` counts from the next call."""
    wire, mine = programs(), {"X-Lab": "1"}
    client, other = (world.connect(transport=wire, additional_headers=mine) for _ in range(2))
    mine["X-Lab"] = "changed"
    listing(world, client)
    assert wire.logins[0].headers["x-lab"] == wire.requests[-1].headers["x-lab"] == "1"
    client.additional_headers["X-Lab"] = "2"
    listing(world, client)
    assert wire.requests[-1].headers["x-lab"] == "2"
    listing(world, other)
    assert wire.requests[-1].headers["x-lab"] == "1"


@pytest.mark.parametrize(
    ("retries", "tries"), [(None, 4), (0, 1), (2, 3), (RetryPolicy(attempts=2), 2)], ids=["default", "0", "2", "policy"]
)
def test_the_number_of_tries_can_be_set(world: World, retries: Any, tries: int) -> None:
    """A number counts repetitions; a policy says everything."""
    assert world.connect(retries=retries)._settings.retry.attempts == tries


@pytest.mark.parametrize("wrong", [-1, True])
def test_a_number_of_tries_that_makes_no_sense_is_refused(world: World, wrong: Any) -> None:
    """When the client is made."""
    with pytest.raises(ValueError, match="retries"):
        world.connect(retries=wrong)


# -- where and who ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://api.invalid", "https://api.invalid/programs"),
        ("https://api.invalid/", "https://api.invalid/programs"),
        ("https://api.invalid//", "https://api.invalid/programs"),
        ("https://api.invalid/v1", "https://api.invalid/v1/programs"),
        ("https://api.invalid/a/v1/", "https://api.invalid/a/v1/programs"),
        (" http://127.0.0.1:8000/ ", "http://127.0.0.1:8000/programs"),
        ("HTTPS://API.invalid", "https://api.invalid/programs"),
        (None, "https://api.kaleidoscope.bio/programs"),
        ("", "https://api.kaleidoscope.bio/programs"),
    ],
)
def test_the_url_may_end_in_a_slash_and_hold_a_path(world: World, url: str | None, asked: str) -> None:
    """Paths are appended with exactly one slash; no url means the platform."""
    wire = programs()
    listing(world, world.connect(transport=wire, url=url))
    assert str(wire.requests[0].url) == asked
    assert str(wire.logins[0].url) == asked.replace("/programs", "/auth/oauth/token")


@pytest.mark.parametrize(
    "url",
    [
        "api.invalid", "ftp://api.invalid", "https://", "https:///v1", "https://[bad", "https://api.invalid:port",
        "https://api.invalid?x=1", "https://api.invalid/#x",
    ],
)  # fmt: skip
def test_a_url_that_makes_no_sense_is_refused(world: World, url: str) -> None:
    """When the client is made, not at its first call."""
    with pytest.raises(ValueError, match=r"."):
        world.connect(url=url)


def test_a_url_with_a_password_is_refused_without_showing_it(world: World) -> None:
    """It would not be used, and would show in representations."""
    with pytest.raises(ValueError, match="must not hold a user name or a password") as caught:
        world.connect(url="https://me:pass-word@api.invalid")
    assert "pass-word" not in str(caught.value)


def test_the_environment_is_read_when_a_client_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and url of the moment; arguments win; empty variables count as missing."""
    wire = programs()
    nothing = {"client_id": None, "client_secret": None, "url": None}
    for number in (1, 2):
        monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_ID", f"env-id-{number}")
        monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_SECRET", "sandbox-secret-env")
        monkeypatch.setenv("KALEIDOSCOPE_API_URL", f"https://env{number}.invalid/")
        listing(world, world.connect(transport=wire, **nothing))
        assert wire.logins[-1].form["client_id"] == f"env-id-{number}"
        assert wire.logins[-1].url.host == f"env{number}.invalid"
    listing(world, world.connect(transport=wire, **{**nothing, "client_id": "mine"}))
    assert wire.logins[-1].form["client_id"] == "mine"

    monkeypatch.setenv("KALEIDOSCOPE_API_URL", "")
    listing(world, world.connect(transport=wire, **nothing))
    assert wire.logins[-1].url.host == "api.kaleidoscope.bio"
    monkeypatch.setenv("KALEIDOSCOPE_API_CLIENT_SECRET", "")
    with pytest.raises(ValueError, match="environment variable KALEIDOSCOPE_API_CLIENT_SECRET"):
        world.connect(transport=wire, **nothing)


def test_the_older_error_policy_logs_and_returns_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By argument or by environment; an unknown policy is refused."""

    def failing(**options: Any) -> Any:
        return world.connect(transport=Wire(404, 404), **options)

    with pytest.raises(NotFoundError):
        listing(world, failing())
    assert listing(world, failing(on_error="log")) == []
    assert "GET /programs failed with status 404" in caplog.text
    monkeypatch.setenv("KALEIDOSCOPE_ON_ERROR", "log")
    assert listing(world, failing()) == []
    with pytest.raises(NotFoundError):
        listing(world, failing(on_error="raise"))
    monkeypatch.setenv("KALEIDOSCOPE_ON_ERROR", "ignore")
    with pytest.raises(ValueError, match="on_error"):
        failing()


# -- the end ----------------------------------------------------------------------------------------------------------


class Closable(Wire):
    """A wire that remembers that it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def test_a_closed_client_says_so(world: World) -> None:
    """Closing closes the connection once; calls afterwards raise a clear error and send nothing."""
    wire = Closable(answer(200, []))
    client = world.connect(transport=wire)
    listing(world, client)
    for _ in range(2):
        world(client.close() if world.kind == "sync" else client.aclose())
    assert wire.closed == 1
    sent = len(wire.requests)
    with pytest.raises(RuntimeError, match="client is closed"):
        listing(world, client)
    assert len(wire.requests) == sent


def test_a_client_is_a_context_manager(world: World) -> None:
    """Leaving the block closes the connection."""
    wire = Closable(answer(200, []))
    client = world.connect(transport=wire)
    if world.kind == "sync":
        with client as entered:
            listing(world, entered)
    else:

        async def scene() -> None:
            async with client as entered:
                await entered.programs.get_programs()

        world(scene())
    assert wire.closed == 1


def test_a_client_that_was_never_used_closes_without_opening(world: World, opened: list[dict[str, Any]]) -> None:
    """Nothing is opened in order to be closed."""
    client = world.connect()
    world(client.close() if world.kind == "sync" else client.aclose())
    assert opened == []


def test_neither_a_client_nor_its_settings_can_be_pickled(world: World) -> None:
    """A pickle would carry secrets to wherever it goes."""
    client = world.connect(additional_headers={"X-Key": "sandbox-secret-k3y"})
    for thing in (client, client._settings, client._tokens):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(thing)


def test_a_client_shows_its_url_and_no_secret(world: World) -> None:
    """repr() of a client and of its services."""
    client = world.connect(client_secret="sandbox-secret-s3cret", additional_headers={"X-Key": "sandbox-secret-k3y"})
    shown = repr(client) + repr(client.records) + repr(client._settings) + repr(client._tokens)
    assert "http://sandbox.invalid" in shown
    assert "sandbox-secret-s3cret" not in shown
    assert "sandbox-secret-k3y" not in shown


def test_an_async_client_outlives_its_event_loop(world: World, opened: list[dict[str, Any]]) -> None:
    """A script may call asyncio.run() again and again: each loop has its own connections, one login serves them all."""
    if world.kind == "sync":
        pytest.skip("event loops belong to the async world")
    client = AsyncKaleidoscopeClient("an-id", "sandbox-secret-a", retries=0)

    async def scene() -> None:
        for _ in range(2):
            await client.programs.get_programs(use_cache=False)

    asyncio.run(scene())
    asyncio.run(scene())
    first, second = (arguments["wire"] for arguments in opened)
    assert [len(wire.requests) for wire in (first, second)] == [2, 2]
    assert [len(wire.logins) for wire in (first, second)] == [1, 0]


def test_threads_that_start_with_one_client_share_its_connection(world: World, opened: list[dict[str, Any]]) -> None:
    """The first use by many opens one pool."""
    if world.kind == "async":
        pytest.skip("threads belong to the sync world")
    client: KaleidoscopeClient = world.connect()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: client.programs.get_programs(use_cache=False), range(32)))
    assert len(opened) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"retries": 1.5},
        {"retries": -1},
        {"retries": True},
        {"max_connections": 0},
        {"max_in_flight": 0},
        {"timeout": 0},
        {"use_cache": 0},
    ],
)
def test_numbers_that_make_no_sense_are_refused_at_once(world: World, arguments: dict[str, Any]) -> None:
    """The error names the argument and what it was given; no client is made."""
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{name} must be.*{arguments[name]}"):
        world.connect(**arguments)
