# Derived from kalbio/provena/aio/client.py by scripts/regenerate; edit that file. (digest 40a46905604f)
"""The client of Provena: a login, the connections, and the services."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self

from kalbio._core import constants
from kalbio._core.auth.tokens import Grant, TokenSource
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import SDKError, SettingError
from kalbio._core.http.addresses import read_address, warn_of_clear_text
from kalbio._core.http.certificates import Certificates
from kalbio._core.http.proxies import from_argument as proxies_from_argument
from kalbio._core.http.proxies import from_environment, from_system
from kalbio._core.http.responses import as_object
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.retry import RetryPolicy
from kalbio._core.sync.client_per_loop import ClientPerLoop
from kalbio._core.sync.session import Session
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.config import Config
from kalbio.provena._model.items import ServiceHealth
from kalbio.provena._model.login import AuthManager, ClientCredentialsFlow, OfflineFlow
from kalbio.provena._model.platform import PROVENA
from kalbio.provena._model.services import SERVICES
from kalbio.provena._model.subtypes import Subtype, as_subtype
from kalbio.provena.handles import HandlesService
from kalbio.provena.registry import RegistryService
from kalbio.provena.search import SearchService

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Request, Response
    from kalbio._core.sync.retrying_client import RetryingClient
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

_KINDS = tuple(one.value for one in Subtype)


class _Nameless:
    """Knows no names: what an object names by its id is shown by its id."""

    def shown_name(self, member: str, identifier: str) -> str | None:
        return None


class ProvenaClient:
    """A connection to one installation of Provena.

    Making a client sends nothing; the first call logs in. Use it as a context manager, or call `close()` at the end.

    Args:
        auth: the login; by default `PROVENA_CLIENT_ID` with `PROVENA_CLIENT_SECRET` or `PROVENA_OFFLINE_TOKEN`.
        config: the installation; by default that of `auth`.
        domain: the domain of the installation, instead of `config`; by default `PROVENA_DOMAIN`.
        realm: the realm, instead of `config`; by default `PROVENA_REALM`.
        timeout: seconds for each phase of a request, or `Timeouts`.
        retries: a `RetryPolicy`; by default that of kalbio.
        proxy: URL of a proxy; by default the environment decides.
        max_connections: connections open at a time.
        max_in_flight: requests under way at a time.
        use_cache: False reads everything from the server.
        transport: an httpx transport to use instead of the network, such as the in-process sandbox.

    Raises:
        SettingError: a setting is missing or cannot be used.

    Example:
        >>> with ProvenaClient(auth) as client:
        ...     model = client.models.get("Coral model")
    """

    def __init__(
        self,
        auth: AuthManager | None = None,
        config: Config | None = None,
        *,
        domain: str | None = None,
        realm: str | None = None,
        timeout: float | Timeouts | None = None,
        retries: RetryPolicy | None = None,
        proxy: str | None = None,
        max_connections: int = constants.MAX_CONNECTIONS,
        max_in_flight: int = constants.MAX_IN_FLIGHT,
        use_cache: bool = True,
        transport: Any = None,
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
            retry=retries if retries is not None else RetryPolicy(),
            extra_headers={},
            trust=Certificates.of(True, environ),
            proxies=from_environment(environ, from_system) if proxy is None else proxies_from_argument(proxy),
            max_connections=max_connections,
            max_in_flight=max_in_flight,
            transport=transport,
        )
        self._http_clients = ClientPerLoop(partial(_open, self._settings, self._auth.tokens), transport)
        self.session = Session(
            self._settings, self._http_clients, on_error="raise", use_cache=use_cache, stale_after=_stale_after
        )
        self.directory = _Nameless()
        self._registries: dict[Subtype, RegistryService] = {}

    # -- services ---------------------------------------------------------------------------------------------------

    def registry(self, subtype: Subtype | str) -> RegistryService:
        """Return the service for the items of a subtype; the nouns below are the same."""
        wanted = as_subtype(subtype)
        if wanted not in self._registries:
            self._registries[wanted] = RegistryService(self, wanted)
        return self._registries[wanted]

    @property
    def organisations(self) -> RegistryService:
        """Organisations."""
        return self.registry(Subtype.ORGANISATION)

    @property
    def persons(self) -> RegistryService:
        """People."""
        return self.registry(Subtype.PERSON)

    @property
    def models(self) -> RegistryService:
        """Models."""
        return self.registry(Subtype.MODEL)

    @property
    def workflow_templates(self) -> RegistryService:
        """Templates of model runs."""
        return self.registry(Subtype.MODEL_RUN_WORKFLOW_TEMPLATE)

    @property
    def dataset_templates(self) -> RegistryService:
        """Templates of datasets."""
        return self.registry(Subtype.DATASET_TEMPLATE)

    @property
    def datasets(self) -> RegistryService:
        """Datasets."""
        return self.registry(Subtype.DATASET)

    @property
    def studies(self) -> RegistryService:
        """Studies."""
        return self.registry(Subtype.STUDY)

    @property
    def model_runs(self) -> RegistryService:
        """Model runs."""
        return self.registry(Subtype.MODEL_RUN)

    @cached_property
    def search(self) -> SearchService:
        """The search over the registry."""
        return SearchService(self)

    @cached_property
    def handles(self) -> HandlesService:
        """Persistent ids."""
        return HandlesService(self)

    # -- calls --------------------------------------------------------------------------------------------------------

    def health(self) -> dict[str, ServiceHealth]:
        """Ask each service whether it answers.

        Example:
            >>> [one for one in (client.health()).values() if not one.ok]
            []
        """
        from provena_api.api.auth import auth_health_check
        from provena_api.api.datastore import datastore_health_check
        from provena_api.api.handle import handle_health_check
        from provena_api.api.job import job_health_check
        from provena_api.api.prov import prov_health_check
        from provena_api.api.registry import registry_health_check
        from provena_api.api.search import search_health_check

        checks = (
            auth_health_check,
            datastore_health_check,
            handle_health_check,
            job_health_check,
            prov_health_check,
            registry_health_check,
            search_health_check,
        )
        found = {}
        for service, check in zip((one.tag for one in SERVICES if one.tag != "identity"), checks, strict=True):
            try:
                message, ok = str(as_object(self.session.call(check.build_request())).get("message")), True
            except SDKError as error:
                self.session.check()  # that of a closed client says nothing about a service
                message, ok = str(error), False
            found[service] = ServiceHealth(name=service, ok=ok, message=message)
        return found

    def call(self, request: Mapping[str, Any], *, stream: bool = False) -> Response:
        """Send a request that an operation of `provena_api` has built, for what the services do not cover.

        Example:
            >>> from provena_api.api.registry import registry_general_about_version
            >>> response = client.call(registry_general_about_version.build_request())
        """
        return self.session.call(request, stream=stream)

    def clear_caches(self) -> None:
        """Forget the names that were read."""
        self.session.forget(*_KINDS)

    def close(self) -> None:
        """Close the connections. Afterwards every call raises ClientClosedError."""
        self._http_clients.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.config.domain} {self.config.realm_name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds secrets and connections, and cannot be pickled or copied")


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
    # What may be repeated changes no item.
    return () if operation is not None and operation.idempotent else _KINDS


def _open(settings: Settings, tokens: TokenSource) -> RetryingClient:
    # Imported here: making a client must stay cheap, and the HTTP library is most of the cost.
    from kalbio._core.sync.auth import TokenAuth
    from kalbio._core.sync.retrying_client import RetryingClient

    def make_auth(http: RetryingClient) -> TokenAuth:
        def build(grant: Grant) -> Request:
            return http.build_request(**PROVENA.token_request(grant))

        return TokenAuth(tokens, platform=PROVENA, build=build, extra_headers={})

    return RetryingClient(settings, make_auth)
