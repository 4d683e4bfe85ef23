"""The client: credentials, the connection, and one service for each noun of the platform."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from kalbio._core import constants
from kalbio._core.aio.client_per_loop import AsyncClientPerLoop
from kalbio._core.aio.session import AsyncSession, OnError
from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.auth.tokens import Grant, Tokens
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.concurrency.scoped_settings import block
from kalbio._core.errors import SettingError
from kalbio._core.http.addresses import Address, read_address, warn_of_clear_text
from kalbio._core.http.certificates import Certificates
from kalbio._core.http.headers import AddedHeaders
from kalbio._core.http.proxies import from_argument as proxies_from_argument
from kalbio._core.http.proxies import from_environment, from_system
from kalbio._core.http.request_events import RequestEvent
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.retry import RetryPolicy
from kalbio._core.text.display import safe_repr
from kalbio._model import staleness
from kalbio._model.credentials import credential
from kalbio._model.errors import KalbioAPIError, KalbioResponseError
from kalbio._model.platform import KALEIDOSCOPE

if TYPE_CHECKING:
    from kalbio._core.aio.auth import AsyncIdentityToken
    from kalbio._core.aio.retrying_client import AsyncRetryingClient
    from kalbio._core.http.httpx_names import Request, Response
    from kalbio.aio._directory import Directory
    from kalbio.aio._mirror import Mirrors
    from kalbio.aio.activities import ActivitiesService
    from kalbio.aio.dashboards import DashboardsService
    from kalbio.aio.doctor import AsyncDoctor
    from kalbio.aio.entity_fields import EntityFieldsService
    from kalbio.aio.entity_types import EntityTypesService
    from kalbio.aio.exports import ExportsService
    from kalbio.aio.files import FilesService
    from kalbio.aio.imports import ImportsService
    from kalbio.aio.labels import LabelsService
    from kalbio.aio.programs import ProgramsService
    from kalbio.aio.property_fields import PropertyFieldsService
    from kalbio.aio.record_views import RecordViewsService
    from kalbio.aio.records import RecordsService
    from kalbio.aio.registration import RegistrationService
    from kalbio.aio.result_table_templates import ResultTableTemplatesService
    from kalbio.aio.workspace import WorkspaceService
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

__all__ = [
    "PROD_API_URL",
    "TIMEOUT_MAXIMUM",
    "VALID_CONTENT_TYPES",
    "AsyncKaleidoscopeClient",
    "KalbioAPIError",
    "KalbioResponseError",
]

PROD_API_URL = KALEIDOSCOPE.base_url
"""Where the platform answers."""

_WHEN_MADE = frozenset(
    {
        "profile",
        "client_id",
        "client_secret",
        "url",
        "iap_client_id",
        "verify_ssl",
        "timeout",
        "retries",
        "proxy",
        "http2",
        "max_connections",
        "max_in_flight",
        "max_answer_size",
        "use_cache",
        "transport",
        "on_request",
    }
)
"""Settings that hold for as long as a client lives."""

TIMEOUT_MAXIMUM = constants.READ_TIMEOUT
"""Seconds that a request may take to answer, unless the client is told otherwise."""

VALID_CONTENT_TYPES = (
    "text/csv",
    "chemical/x-mdl-sdfile",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
"""The content types of exports that are known; without effect, since downloads of any type are taken."""


class AsyncRawClient:
    """The client that generated operations take: `await get_record.asyncio(record_id, client=client.raw)`.

    Its requests have the same login, retries and typed errors as those of the other methods.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def get_async_httpx_client(self) -> Any:
        """Return the HTTP client to send with."""
        return _TimedClient(self._session)

    def get_httpx_client(self) -> NoReturn:  # sync: def get_async_httpx_client(self) -> NoReturn:
        """Raise TypeError: sync functions of operations need the sync client."""
        raise ArgumentTypeError(
            "this is an async client: await asyncio(...) of the operation"
        )  # sync: raise ArgumentTypeError("this is a sync client: call sync(...) of the operation")


class _TimedClient:
    """The HTTP client, with the time limits of one client."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def request(self, **arguments: Any) -> Response:
        return await self._session.call(arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session.http_clients.current(), name)


class AsyncKaleidoscopeClient:
    """A connection to one workspace of Kaleidoscope.

    Making a client sends nothing; the first call logs in. Use it as a context manager, or call `aclose()` at the end.

    Args:
        client_id: id of the API credentials; by default the environment variable `KALEIDOSCOPE_API_CLIENT_ID`.
        client_secret: their secret; by default `KALEIDOSCOPE_API_CLIENT_SECRET`.
        url: address of the API; by default `KALEIDOSCOPE_API_URL`, else that of the platform.
        additional_headers: sent with every request, the login included. The mapping is copied; to
            change it later, use `client.additional_headers`. A header that cannot be sent is an error at once.
        iap_client_id: audience of the Google identity-aware proxy in front of the API, if there is one
            (needs google-auth and requests, the extra `iap`).
        verify_ssl: False switches certificate checks off; a path names a file of trusted certificates, or a
            directory that OpenSSL can use; an `ssl.SSLContext` is used as it is. By default the environment decides
            (`SSL_CERT_FILE`, `SSL_CERT_DIR`, `REQUESTS_CA_BUNDLE`), else the certificates that come with httpx.
        profile: name of a profile that `kalbio login` has made: it says url and credentials, and none of them can be
            given besides. By default `KALBIO_PROFILE`, where nothing else says any of them.
        timeout: seconds for each phase of a request, or `Timeouts`.
        retries: a `RetryPolicy`, or the number of retries (0 for none).
        proxy: URL of a proxy, `http://` and the like included; by default the environment decides
            (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
        http2: True uses HTTP/2, in the async client only, because the HTTP/2 library is not safe for threads (needs
            h2, the extra `http2`). Few programs get faster by it, and some checks of connections are left out.
        max_connections: connections open at a time.
        max_in_flight: requests under way at a time, of all calls together; downloads do not count. After a 429 the
            number is halved for a while. With 1, bulk calls send their requests one after the other.
        max_answer_size: the largest answer in bytes, uncompressed. Files and exports that are saved have no limit.
        on_error: "raise" raises errors; "log", for older scripts, logs them and returns None, [] or False.
            By default `KALEIDOSCOPE_ON_ERROR`, else "raise".
        use_cache: False reads everything from the server, and nothing from a cache.
        transport: an httpx transport to use instead of the network, such as the in-process sandbox or a recorder.
        on_request: a function that is called with a `RequestEvent` after each attempt of each request, from the thread
            or the task that made it. What it raises is logged, and changes nothing.

    Raises:
        SettingError: credentials are missing, or an argument or an environment variable cannot be used. It is also a
            ValueError.

    Example:
        >>> async with AsyncKaleidoscopeClient() as client:
        ...     programs = await client.programs.get_programs()
    """

    def __init__(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        url: str | None = None,
        additional_headers: Mapping[str, str] | None = None,
        iap_client_id: str | None = None,
        verify_ssl: bool | str | Path | ssl.SSLContext = True,
        *,
        profile: str | None = None,
        timeout: float | Timeouts | None = None,
        retries: int | RetryPolicy | None = None,
        proxy: str | None = None,
        http2: bool = False,
        max_connections: int = constants.MAX_CONNECTIONS,
        max_in_flight: int = constants.MAX_IN_FLIGHT,
        max_answer_size: int = constants.MAX_ANSWER_SIZE,
        on_error: OnError | None = None,
        use_cache: bool = True,
        transport: Any = None,
        on_request: Callable[[RequestEvent], object] | None = None,
    ) -> None:
        self._additional_headers = AddedHeaders(additional_headers)
        whole = {"max_in_flight": max_in_flight, "max_connections": max_connections, "max_answer_size": max_answer_size}
        for name, number in whole.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise SettingError(f"{name} must be a whole number of at least 1; got {safe_repr(number)}")
        if not isinstance(use_cache, bool):
            raise SettingError(f"use_cache must be True or False; got {safe_repr(use_cache)}")
        if proxy is not None and transport is not None:
            raise SettingError(
                "proxy and transport cannot be given together: a transport decides by itself how requests are sent"
            )
        if profile is not None or os.environ.get("KALBIO_PROFILE"):  # few have one: nothing is loaded for the others
            from kalbio._model.profiles import all_or_none

            client_id, client_secret, url, iap_client_id = all_or_none(
                profile, client_id, client_secret, url, iap_client_id
            )
        base_url, address = _base_url(url)
        # A transport of the caller's own knows itself where it sends, and whom it trusts.
        environ: Mapping[str, str] = os.environ if transport is None else {}
        proxies = from_environment(environ, from_system) if proxy is None else proxies_from_argument(proxy)
        proxies.proxy_of(address.scheme, address.host, address.port)
        if transport is None:
            warn_of_clear_text("url", address)
        self._settings = Settings(
            platform=KALEIDOSCOPE,
            base_url=base_url,
            timeouts=Timeouts.of(timeout),
            retry=RetryPolicy.of(retries),
            extra_headers=self._additional_headers,
            trust=Certificates.of(verify_ssl, environ),
            proxies=proxies,
            http2=_http2(http2),
            max_connections=max_connections,
            max_in_flight=max_in_flight,
            max_answer_size=max_answer_size,
            transport=transport,
            on_request=on_request,
        )
        self._tokens = Tokens(
            client_id=credential("client_id", client_id, "KALEIDOSCOPE_API_CLIENT_ID"),
            client_secret=credential("client_secret", client_secret, "KALEIDOSCOPE_API_CLIENT_SECRET"),
            clock=time.monotonic,
        )
        make = partial(_open, self._settings, self._tokens, iap_client_id)
        self._http_clients = AsyncClientPerLoop(make, transport)
        self.session = AsyncSession(
            self._settings,
            self._http_clients,
            on_error=_policy(on_error),
            use_cache=use_cache,
            stale_after=staleness.stale_after,
        )

    # -- services ---------------------------------------------------------------------------------------------------

    @cached_property
    def directory(self) -> Directory:
        """Finds the id of a thing of any kind, given its id, its name or the object."""
        from kalbio.aio._listings import make_directory

        return make_directory(self)

    @cached_property
    def activities(self) -> ActivitiesService:
        """Experiments, tasks and their definitions."""
        from kalbio.aio.activities import ActivitiesService

        return ActivitiesService(self)

    @cached_property
    def dashboards(self) -> DashboardsService:
        """Dashboards."""
        from kalbio.aio.dashboards import DashboardsService

        return DashboardsService(self)

    @cached_property
    def doctor(self) -> AsyncDoctor:
        """Finds where the server and the API description differ: `report = await client.doctor()`."""
        from kalbio.aio.doctor import AsyncDoctor

        return AsyncDoctor(self.session, PROD_API_URL, self._tokens)

    @cached_property
    def entity_fields(self) -> EntityFieldsService:
        """Key fields and data fields."""
        from kalbio.aio.entity_fields import EntityFieldsService

        return EntityFieldsService(self)

    @cached_property
    def entity_types(self) -> EntityTypesService:
        """Entity types: the classes of records that share a set of key fields."""
        from kalbio.aio.entity_types import EntityTypesService

        return EntityTypesService(self)

    @cached_property
    def exports(self) -> ExportsService:
        """Records as CSV files."""
        from kalbio.aio.exports import ExportsService

        return ExportsService(self)

    @cached_property
    def files(self) -> FilesService:
        """Downloads of uploaded files."""
        from kalbio.aio.files import FilesService

        return FilesService(self)

    @cached_property
    def imports(self) -> ImportsService:
        """Bulk loads."""
        from kalbio.aio.imports import ImportsService

        return ImportsService(self)

    @cached_property
    def labels(self) -> LabelsService:
        """Labels of activities."""
        from kalbio.aio.labels import LabelsService

        return LabelsService(self)

    @cached_property
    def mirror(self) -> Mirrors:
        """A local copy of the workspace, for SQL: `await client.mirror("lab.duckdb").refresh()`."""
        from kalbio.aio._mirror import Mirrors

        return Mirrors(self)

    @cached_property
    def programs(self) -> ProgramsService:
        """Programs."""
        from kalbio.aio.programs import ProgramsService

        return ProgramsService(self)

    @cached_property
    def property_fields(self) -> PropertyFieldsService:
        """Definitions of the properties of activities."""
        from kalbio.aio.property_fields import PropertyFieldsService

        return PropertyFieldsService(self)

    @cached_property
    def record_views(self) -> RecordViewsService:
        """Record views: tables of records."""
        from kalbio.aio.record_views import RecordViewsService

        return RecordViewsService(self)

    @cached_property
    def records(self) -> RecordsService:
        """Records and their values."""
        from kalbio.aio.records import RecordsService

        return RecordsService(self)

    @cached_property
    def registration(self) -> RegistrationService:
        """The registration workflow."""
        from kalbio.aio.registration import RegistrationService

        return RegistrationService(self)

    @cached_property
    def result_table_templates(self) -> ResultTableTemplatesService:
        """Result table templates."""
        from kalbio.aio.result_table_templates import ResultTableTemplatesService

        return ResultTableTemplatesService(self)

    @cached_property
    def workspace(self) -> WorkspaceService:
        """The workspace, its members and groups."""
        from kalbio.aio.workspace import WorkspaceService

        return WorkspaceService(self)

    if not TYPE_CHECKING:  # to a type checker it would say that any attribute may be set

        def __setattr__(self, name: str, value: Any) -> None:
            # A setting that is changed later would be ignored without a word.
            if name in _WHEN_MADE:
                block = " (for a block: with client.timeout(...))" if name == "timeout" else ""
                raise AttributeError(f"{name} is set when a client is made: {type(self).__name__}({name}=...){block}")
            super().__setattr__(name, value)

    @property
    def on_error(self) -> str:  # no Literal: jedi, behind Tab in IPython, fails on properties of that type
        """What happens on errors: "raise" raises them, "log" logs them and returns None, [] or False."""
        return self.session.on_error

    @on_error.setter
    def on_error(self, policy: OnError | None) -> None:
        self.session.on_error = _policy(policy)

    @property
    def additional_headers(self) -> MutableMapping[str, str]:
        """Headers sent with every request. Changes apply from the next request on; what cannot be sent is an error.

        Example:
            >>> client.additional_headers["X-Lab"] = "B12"
        """
        return self._additional_headers

    @additional_headers.setter
    def additional_headers(self, headers: Mapping[str, str]) -> None:
        self._additional_headers.replace(headers)

    @property
    def max_in_flight(self) -> int:
        """How many requests may be under way at a time."""
        return self._settings.max_in_flight

    # -- settings of a call -----------------------------------------------------------------------------------------

    @property
    def raw(self) -> AsyncRawClient:
        """The client to pass to generated operations, for what the services do not cover."""
        return AsyncRawClient(self.session)

    def timeout(self, seconds: float | Timeouts) -> contextlib.AbstractContextManager[None]:
        """Set the time limits of calls within the block, in this thread or task.

        Do not put the block around the `yield` of an async fixture or dependency: the code that uses what it yields
        runs in another context, where the block has no effect (the log says so when the block ends). Make a client
        with `timeout=` instead.

        Args:
            seconds: for each phase of a request, or `Timeouts`.

        Example:
            >>> with client.timeout(600):
            ...     path = await client.exports.pull_data("all.csv", entity_type.id)
        """
        return block(
            self.session,
            "timeout",
            Timeouts.of(seconds),
            "Make a client with timeout=... for this.",
            self.session.logger,
        )

    def clear_caches(self) -> None:
        """Clear the caches of all services, and the relations cached on objects."""
        self.session.forget(*staleness.KINDS)

    def cache_disabled(self) -> contextlib.AbstractContextManager[None]:
        """Read everything from the server within the block, in this thread or task, and refresh the caches.

        What `timeout` says about fixtures and dependencies that yield applies here too.

        Example:
            >>> with client.cache_disabled():
            ...     programs = await client.programs.get_programs()
        """
        cure = "Make a client with use_cache=False for this."
        return block(self.session, "cache_disabled", True, cure, self.session.logger)

    # -- calls --------------------------------------------------------------------------------------------------------

    async def call(self, request: Mapping[str, Any], *, stream: bool = False) -> Response:
        """Send a request that a generated operation has built. Raises the typed errors of `kalbio`.

        Whether it succeeds or fails: afterwards, nothing is cached that it may have changed.
        """
        return await self.session.call(request, stream=stream)

    async def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """Send a request for which there is no operation yet, and return the JSON of the answer.

        It has the same login, retries, limits and checks as every other request. A write clears all caches.

        Args:
            method: GET, POST, PUT, PATCH or DELETE. POST and PATCH are not repeated when an answer is lost.
            path: the path under the url of the client, e.g. `/programs`.
            params: the query: text as it is, everything else as JSON text; None is left out.
            json: the body.

        Returns:
            The decoded answer, None when it is empty.

        Raises:
            ValueError: the method or the path is invalid; nothing was sent.
            KalbioAPIError: the server refused.
            KalbioResponseError: the answer is not JSON.

        Example:
            >>> programs = await client.request("GET", "/programs")
        """
        from kalbio.aio._requests import Requests

        return await Requests(self).request(method, path, params=params, json=json)

    # What scripts called that wrote requests themselves.

    def _get(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        _warn_of_older("_get", "GET")
        from kalbio.aio._requests import Requests

        return Requests(self).read(url, params=params)

    def _post(self, url: str, payload: Any = None) -> Any:
        _warn_of_older("_post", "POST")
        return self.request("POST", url, json=payload)

    def _put(self, url: str, payload: Any = None) -> Any:
        _warn_of_older("_put", "PUT")
        return self.request("PUT", url, json=payload)

    def _delete(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        _warn_of_older("_delete", "DELETE")
        return self.request("DELETE", url, params=params)

    async def aclose(self) -> None:
        """Close the connections, those of all event loops. Closing again does nothing.

        Afterwards every call raises ClientClosedError, even one that a cache could answer. So do calls that are under
        way in other threads or tasks; a write whose answer is lost that way raises OutcomeUnknownError. You can still
        read what objects hold.
        """
        await self._http_clients.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __dir__(self) -> list[str]:
        # What services are made of is no concern of whoever completes a name.
        return sorted({*super().__dir__()} - {"directory", "session"})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.base_url}>"

    def _repr_html_(self) -> str:
        from kalbio.aio.workspace import html_of_client

        return html_of_client(self.workspace, type(self).__name__, self._settings.base_url)

    def __reduce__(self) -> NoReturn:
        raise ArgumentTypeError(
            f"a {type(self).__name__} holds secrets and connections, and cannot be pickled or copied; make another one"
        )


def _warn_of_older(name: str, method: str) -> None:
    text = f'client.{name}() is of older clients; use client.request("{method}", ...), or the method of a service'
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def _open(settings: Settings, tokens: Tokens, iap_client_id: str | None) -> AsyncRetryingClient:
    # Imported here: making a client must stay cheap, and the HTTP library is most of the cost.
    from kalbio._core.aio.auth import AsyncIdentityToken, AsyncTokenAuth
    from kalbio._core.aio.retrying_client import AsyncRetryingClient

    identity: AsyncIdentityToken | None = None
    if iap_client_id:
        from kalbio._core.auth.iap import fetcher

        identity = AsyncIdentityToken(fetcher(iap_client_id))

    def make_auth(http: AsyncRetryingClient) -> AsyncTokenAuth:
        def build(grant: Grant) -> Request:
            return http.build_request(**KALEIDOSCOPE.token_request(grant))

        return AsyncTokenAuth(
            tokens,
            platform=KALEIDOSCOPE,
            build=build,
            extra_headers=settings.extra_headers,
            identity=identity,
        )

    return AsyncRetryingClient(settings, make_auth)


def _base_url(given: str | None) -> tuple[str, Address]:
    setting, url = "url", given or PROD_API_URL
    if not given and os.environ.get("KALEIDOSCOPE_API_URL"):
        setting, url = "url (from KALEIDOSCOPE_API_URL)", os.environ["KALEIDOSCOPE_API_URL"]
    if isinstance(url, str):
        url = url.strip().rstrip("/")
    return url, read_address(setting, url)


def _policy(given: OnError | None) -> OnError:
    policy = given or os.environ.get("KALEIDOSCOPE_ON_ERROR") or "raise"
    if policy == "raise":
        return "raise"
    if policy == "log":
        return "log"
    raise SettingError(f'on_error (or KALEIDOSCOPE_ON_ERROR) must be "raise" or "log"; got {safe_repr(policy)}')


def _http2(given: bool) -> bool:
    from importlib.util import find_spec

    if not isinstance(given, bool):
        raise SettingError(f"http2 must be True or False; got {safe_repr(given)}")
    possible = True  # sync: possible = False
    if given and not possible:
        raise SettingError("http2=True works with the async client only: the HTTP/2 library is not safe for threads")
    if given and find_spec("h2") is None:
        raise ImportError("http2=True needs h2: pip install 'httpx[http2]'")
    return given
