"""A wire that plays what a test has written down, and a pipe on it with a clock that only the test moves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import attrs
import httpx

from kalbio._core.auth.tokens import Grant, Tokens
from kalbio._core.constants import MAX_ANSWER_SIZE
from kalbio._core.errors import ErrorBody
from kalbio._core.http.request_events import RequestEvent
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.platform import Platform
from kalbio._core.retry import RetryPolicy
from tests.conftest import World

SECRET = 'sandbox-secret/very "ü" +1'
TOKEN_PATH = "/auth/oauth/token"

Step = int | httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@attrs.frozen
class Seen:
    """One request as it went out."""

    method: str
    url: httpx.URL
    headers: httpx.Headers
    body: bytes
    extensions: Mapping[str, Any]

    @property
    def path(self) -> str:
        return self.url.path

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    """An answer with a JSON body; bytes and text are sent as they are."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return httpx.Response(status, headers=names)
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return httpx.Response(status, headers={"content-type": "application/json", **names}, content=content)


def tokens(number: int, lifetime: float = 3600) -> httpx.Response:
    """The answer of the token endpoint that gives the access and the refresh token of that number."""
    access, refresh = (f"sandbox-token-{kind}-{number}" for kind in ("access", "refresh"))
    return answer(200, {"access_token": access, "refresh_token": refresh, "expires_in": lifetime})


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and remembers whether it was closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> Any:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Plays `steps` to ordinary requests and `logins_steps` to token requests; then answers 200 to everything."""

    def __init__(self, *steps: Step, logins: list[Step] | None = None, lifetime: float = 3600) -> None:
        self.steps: Iterator[Step] = iter(steps)
        self.login_steps: Iterator[Step] = iter(logins or [])
        self.lifetime = lifetime
        self.requests: list[Seen] = []
        self.logins: list[Seen] = []

        self.linger = 0.0  # lets other callers run while a token request is under way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(TOKEN_PATH):
            time.sleep(self.linger)
        return self._play(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(TOKEN_PATH):
            await asyncio.sleep(self.linger)
        return self._play(request, await request.aread())

    def _play(self, request: httpx.Request, body: bytes) -> httpx.Response:
        seen = Seen(request.method, request.url, request.headers.copy(), body, dict(request.extensions))
        if request.url.path.endswith(TOKEN_PATH):
            self.logins.append(seen)
            step = next(self.login_steps, None) or tokens(len(self.logins), self.lifetime)
        else:
            self.requests.append(seen)
            step = next(self.steps, None) or answer(200, {"id": "1"})
        if isinstance(step, int):
            step = answer(step)
        if isinstance(step, Exception):
            if isinstance(step, httpx.RequestError):
                step.request = request
            raise step
        return step if isinstance(step, httpx.Response) else step(request)

    @property
    def bearers(self) -> list[str]:
        return [seen.headers["x-token"] for seen in self.requests]


class Clock:
    """Seconds that pass only when a test or a pause lets them; `pauses` keeps what was waited."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def async_pause(self, seconds: float) -> None:
        self.pause(seconds)


@attrs.frozen
class Operation:
    """What the pipe knows of an operation."""

    idempotent: bool
    path: str = "/things"
    answer: str = ""
    may_be_empty: bool = True
    required: tuple[str, ...] = ()
    repeats: tuple[Any, ...] = ()
    tag: str = ""


OPERATIONS = {
    "read": Operation(True), "write": Operation(False), "getOrCreate": Operation(True), "oncePut": Operation(False),
}  # fmt: skip


def read_error(body: Any) -> ErrorBody:
    """The error bodies of this platform."""
    return (
        ErrorBody(body.get("code"), body.get("message"), body.get("details")) if isinstance(body, dict) else ErrorBody()
    )


PLATFORM = Platform(
    name="core",
    version="1",
    base_url="https://api.invalid",
    operations=lambda: OPERATIONS,
    token_request=dict,
    token_header="X-Token",
    read_error=read_error,
    wraps_objects=True,
)


class Core:
    """The core of one world on a scripted wire: a client of no particular platform."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self._http_clients: list[Any] = []

    def open(
        self,
        wire: Wire,
        *,
        retry: RetryPolicy | None = None,
        extra_headers: Mapping[str, str] | None = None,
        fetch_identity: Callable[[], str] | None = None,
        base_url: str = "https://api.invalid",
        draw: float = 1.0,
        platform: Platform = PLATFORM,
        on_request: Callable[[RequestEvent], object] | None = None,
        debug: bool = False,
        max_answer_size: int = MAX_ANSWER_SIZE,
    ) -> Any:
        """A pipe of this world. Pauses take the longest time that the jitter allows, unless `draw` says otherwise."""
        settings = Settings(
            platform=platform,
            base_url=base_url,
            timeouts=Timeouts(),
            retry=retry if retry is not None else RetryPolicy(),
            extra_headers=extra_headers or {},
            transport=wire,
            on_request=on_request,
            debug=debug,
            max_answer_size=max_answer_size,
        )
        held = Tokens(client_id="an-id", client_secret=SECRET, clock=self.clock)
        kinds = _kinds(self.world)
        identity = kinds["identity"](fetch_identity, clock=self.clock) if fetch_identity else None

        def make_auth(pipe: Any) -> Any:
            def build(grant: Grant) -> httpx.Request:
                made: httpx.Request = pipe.build_request("POST", TOKEN_PATH, data=dict(grant))
                return made

            return kinds["auth"](
                held, platform=platform, build=build, extra_headers=settings.extra_headers, identity=identity
            )

        pause = self.clock.pause if self.world.kind == "sync" else self.clock.async_pause
        pipe = kinds["pipe"](settings, make_auth, clock=self.clock, draw=lambda: draw, pause=pause)
        self._http_clients.append(pipe)
        return pipe

    def call(self, pipe: Any, method: str = "GET", path: str = "/things", *, stream: bool = False, **given: Any) -> Any:
        """Send one request through the pipe and return its answer."""
        return self.world(pipe.send(pipe.build_request(method, path, **given), stream=stream))

    def close(self) -> None:
        for pipe in self._http_clients:
            self.world(pipe.close() if self.world.kind == "sync" else pipe.aclose())


def _kinds(world: World) -> dict[str, Any]:
    if world.kind == "sync":
        from kalbio._core.sync import auth as sync_auth
        from kalbio._core.sync import retrying_client as sync_pipe

        return {"pipe": sync_pipe.RetryingClient, "auth": sync_auth.TokenAuth, "identity": sync_auth.IdentityToken}
    from kalbio._core.aio import auth
    from kalbio._core.aio import retrying_client as pipe

    return {"pipe": pipe.AsyncRetryingClient, "auth": auth.AsyncTokenAuth, "identity": auth.AsyncIdentityToken}
