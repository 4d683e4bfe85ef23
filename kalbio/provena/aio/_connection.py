"""The login and the connections that a client has, of whichever kind it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

import attrs

from kalbio._core import constants
from kalbio._core.aio.client_per_loop import AsyncClientPerLoop
from kalbio._core.aio.session import AsyncSession
from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.auth.tokens import Grant, TokenSource
from kalbio._core.errors import SettingError
from kalbio._core.http.addresses import read_address, warn_of_clear_text
from kalbio._core.http.certificates import Certificates
from kalbio._core.http.proxies import from_argument as proxies_from_argument
from kalbio._core.http.proxies import from_environment, from_system
from kalbio._core.http.request_events import RequestEvent
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.retry import RetryPolicy
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.config import Config
from kalbio.provena._model.login import AuthManager, ClientCredentialsFlow, OfflineFlow, tokens_of
from kalbio.provena._model.platform import PROVENA
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena.aio._service import not_there

if TYPE_CHECKING:
    from kalbio._core.aio.retrying_client import AsyncRetryingClient
    from kalbio._core.http.httpx_names import Request, Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

KINDS = tuple(one.value for one in Subtype)
"""The kinds of things whose names are remembered."""

K = TypeVar("K", bound="AsyncConnection")
F = TypeVar("F", bound=Callable[..., None])


_PLACES = ("auth", "config")
_LOGIN_WORDS = ("client_id", "client_secret")


def _names_slips(init: F) -> F:
    """Let a constructor say what its arguments are: Python itself would name the class that it is inherited from."""
    names = (*_PLACES, *(init.__kwdefaults__ or {}))

    @wraps(init)
    def checked(self: Any, *given: Any, **options: Any) -> None:
        kind = type(self).__name__
        if len(given) > len(_PLACES):
            raise ArgumentTypeError(f"{kind} takes {' and '.join(_PLACES)} without their names, and nothing else")
        for name in options:
            if name in _LOGIN_WORDS:
                raise ArgumentTypeError(
                    f"{kind} has no argument {name!r}: it belongs to the login; write "
                    f"{kind}(ClientCredentialsFlow(config, client_id, client_secret))"
                )
            if name not in names:
                close = did_you_mean(name, names) or f" It has {', '.join(names)}."
                raise ArgumentTypeError(f"{kind} has no argument {name!r}.{close}")
        init(self, *given, **options)

    return cast("F", checked)


class _Nameless:
    """Knows no names: what an object names by its id is shown by its id."""

    def shown_name(self, member: str, identifier: str) -> str | None:
        return None


class AsyncConnection:
    """A login to one installation and connections to its services; making it sends nothing, the first call logs in."""

    @_names_slips
    def __init__(
        self,
        auth: AuthManager | None = None,
        config: Config | None = None,
        *,
        domain: str | None = None,
        realm: str | None = None,
        timeout: float | Timeouts | None = None,
        retries: int | RetryPolicy | None = None,
        proxy: str | None = None,
        max_connections: int = constants.MAX_CONNECTIONS,
        max_in_flight: int = constants.MAX_IN_FLIGHT,
        use_cache: bool = True,
        transport: Any = None,
        on_request: Callable[[RequestEvent], object] | None = None,
    ) -> None:
        if auth is not None and not isinstance(auth, AuthManager):
            raise SettingError(f"auth must be a login such as DeviceFlow(config, client_id); got {safe_repr(auth)}")
        if config is not None and (domain is not None or realm is not None):
            raise SettingError("config and domain or realm cannot be given together")
        if config is None:
            own = auth is not None and domain is None and realm is None
            config = auth.config if auth is not None and own else Config.of(domain, realm)
        self.config = config
        if transport is None:  # which decides by itself where requests go
            for name, url in config.addresses().items():
                warn_of_clear_text(f"the address of {name}", read_address(name, url))
        self._auth = auth if auth is not None else _login(config)
        environ: Mapping[str, str] = os.environ if transport is None else {}
        self._settings = Settings(
            platform=PROVENA,
            base_urls=config.addresses(),
            timeouts=Timeouts.of(timeout),
            retry=RetryPolicy.of(retries),
            extra_headers={},
            trust=Certificates.of(True, environ),
            proxies=from_environment(environ, from_system) if proxy is None else proxies_from_argument(proxy),
            max_connections=max_connections,
            max_in_flight=max_in_flight,
            transport=transport,
            on_request=on_request,
        )
        self._http_clients = AsyncClientPerLoop(partial(_open, self._settings, tokens_of(self._auth)), transport)
        self.store_clients = AsyncClientPerLoop(partial(_open_store, self._settings), transport)
        self.session = AsyncSession(
            self._settings, self._http_clients, on_error="raise", use_cache=use_cache, stale_after=_stale_after
        )
        self.directory = _Nameless()

    def as_kind(self, kind: type[K]) -> K:
        """Return a client of another kind that has this login and these connections; closing one closes both."""
        made = kind.__new__(kind)
        for name in ("config", "session", "directory", "store_clients", "_auth", "_settings", "_http_clients"):
            setattr(made, name, getattr(self, name))
        return made

    async def call(self, request: Mapping[str, Any], *, stream: bool = False) -> Response:
        """Send a request that an operation of `provena_api` has built, for what the services do not cover.

        Example:
            >>> from provena_api.api.registry import registry_general_about_version
            >>> response = await client.call(registry_general_about_version.build_request())
        """
        return await self.session.call(request, stream=stream)

    async def aclose(self) -> None:
        """Close the connections. Afterwards every call raises ClientClosedError."""
        await self.store_clients.aclose()
        await self._http_clients.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that a slip is an error there.

        def __getattr__(self, name: str) -> Any:
            raise not_there(self, name, {})

    def __dir__(self) -> list[str]:
        # What services are made of is no concern of whoever completes a name.
        return sorted({*super().__dir__()} - {"directory", "session", "store_clients"})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.domain} {self.config.realm_name}>"

    def __reduce__(self) -> NoReturn:
        raise ArgumentTypeError(
            f"a {type(self).__name__} holds secrets and connections, and cannot be pickled or copied"
        )


def _login(config: Config) -> AuthManager:
    """Return the login that the environment describes."""
    client_id = os.environ.get("PROVENA_CLIENT_ID")
    secret, token = os.environ.get("PROVENA_CLIENT_SECRET"), os.environ.get("PROVENA_OFFLINE_TOKEN")
    if client_id and secret:
        return ClientCredentialsFlow(config, client_id, secret)
    if client_id and token:
        return OfflineFlow(config, client_id, token)
    raise SettingError(
        "auth is missing: pass a login such as DeviceFlow(config, client_id), or set PROVENA_CLIENT_ID and "
        "PROVENA_CLIENT_SECRET or PROVENA_OFFLINE_TOKEN"
    )


def _stale_after(request: Mapping[str, Any]) -> tuple[str, ...]:
    operation = PROVENA.operations().get(request.get("extensions", {}).get("operation", ""))
    if operation is None:
        return KINDS
    # What may be repeated changes no item, and the provenance service writes none but model runs.
    return () if operation.idempotent else (Subtype.MODEL_RUN.value,) if operation.tag == "prov" else KINDS


def _open(settings: Settings, tokens: TokenSource) -> AsyncRetryingClient:
    # Imported here: making a client must stay cheap, and the HTTP library is most of the cost.
    from kalbio._core.aio.auth import AsyncTokenAuth
    from kalbio._core.aio.retrying_client import AsyncRetryingClient

    def make_auth(http: AsyncRetryingClient) -> AsyncTokenAuth:
        def build(grant: Grant) -> Request:
            return http.build_request(**PROVENA.token_request(grant))

        return AsyncTokenAuth(tokens, platform=PROVENA, build=build, extra_headers={})

    return AsyncRetryingClient(settings, make_auth)


def _open_store(settings: Settings) -> AsyncRetryingClient:
    # The object store is somebody else's: it gets no token, and signatures instead.
    from kalbio._core.aio.retrying_client import AsyncRetryingClient
    from kalbio.provena.aio._object_store import STORE, AsyncSigning

    own = attrs.evolve(settings, platform=STORE, base_url=STORE.base_url, base_urls={})
    signing: Any = AsyncSigning()
    return AsyncRetryingClient(own, lambda http: signing)
