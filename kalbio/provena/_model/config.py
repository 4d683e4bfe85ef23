"""Where an installation of Provena is."""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from kalbio._core.errors import SettingError
from kalbio._core.http.addresses import host_fault, read_address, without_secrets
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.services import SERVICES


def _address(instance: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None:
        read_address(attribute.name, value)


def _domain_fault(domain: str) -> str:
    if "@" in domain:
        return "give it without a user and a password"
    scheme, separator, _ = domain.partition("://")
    if separator:
        return f"give it without {scheme}://; the address of a server that has all services is a url, and no domain"
    wrong = host_fault(domain)
    if wrong and not host_fault(domain.partition("/")[0].partition(":")[0]):
        return "give it without a port and a path"
    return wrong


def _shown(given: str) -> str:
    return safe_repr(without_secrets(given if "://" in given else f"://{given}").removeprefix("://"))


def _without_slash(value: str | None) -> str | None:
    # The paths begin with one, and the servers do not know `//`.
    return value.rstrip("/") if isinstance(value, str) else value


def _override() -> str | None:
    return attrs.field(default=None, validator=_address, converter=_without_slash)


@attrs.frozen(kw_only=True)
class APIOverrides:
    """Addresses of services that are elsewhere than the domain says.

    That of Keycloak is the address of the realm. That of S3 is needed where the links to files lead to another address
    than clients are to use; with `{bucket}` in it, the bucket of a dataset stands there, else at the begin of the path.
    """

    datastore_api_endpoint_override: str | None = _override()
    auth_api_endpoint_override: str | None = _override()
    registry_api_endpoint_override: str | None = _override()
    prov_api_endpoint_override: str | None = _override()
    search_api_endpoint_override: str | None = _override()
    search_service_endpoint_override: str | None = _override()
    handle_service_api_endpoint_override: str | None = _override()
    jobs_service_api_endpoint_override: str | None = _override()
    keycloak_endpoint_override: str | None = _override()
    s3_endpoint_override: str | None = _override()

    @classmethod
    def at(cls, address: str) -> APIOverrides:
        """Return those of a server that has all services, each below its name, such as a sandbox."""
        read_address("address", address)
        return cls(**{one.override: f"{address.rstrip('/')}/{one.prefix}" for one in SERVICES})


@attrs.frozen
class Config:
    """Where an installation is: its domain, its realm, and the services that are elsewhere.

    Example:
        >>> config = Config("provena.example.org", "provena")
        >>> config.registry_api_endpoint
        'https://registry-api.provena.example.org'
    """

    domain: str
    realm_name: str
    api_overrides: APIOverrides = attrs.field(factory=APIOverrides)

    def __attrs_post_init__(self) -> None:
        for name, value in (("domain", self.domain), ("realm_name", self.realm_name)):
            if not isinstance(value, str) or not value.strip():
                raise SettingError(f"{name} must be text; got {safe_repr(value)}")
        if wrong := _domain_fault(self.domain):
            raise SettingError(
                f"domain is the host that all services share, such as provena.example.org; got "
                f"{_shown(self.domain)}: {wrong}"
            )
        if "/" in self.realm_name:
            raise SettingError(f"realm_name is a name without slashes; got {_shown(self.realm_name)}")
        if not isinstance(self.api_overrides, APIOverrides):
            raise SettingError(f"api_overrides must be an APIOverrides object; got {safe_repr(self.api_overrides)}")

    @classmethod
    def of(cls, domain: str | None, realm: str | None, environ: Mapping[str, str] = os.environ) -> Config:
        """Return what is given, else what `PROVENA_DOMAIN` and `PROVENA_REALM` say.

        `PROVENA_URL` is the address of a server that has all services, such as a sandbox. It holds only for a domain
        and a realm of the environment, so that the login of another installation is never sent to this server.
        """
        found = {}
        for name, given, variable in (("domain", domain, "PROVENA_DOMAIN"), ("realm", realm, "PROVENA_REALM")):
            value = given if given is not None else environ.get(variable)
            if not value:
                raise SettingError(f"{name} is missing: pass {name}=... or set the environment variable {variable}")
            found[name] = value
        address = environ.get("PROVENA_URL") if domain is None and realm is None else None
        return cls(found["domain"], found["realm"], *([APIOverrides.at(address)] if address else []))

    def addresses(self) -> dict[str, str]:
        """Return where each service is, by its tag in the description."""
        found = {}
        for one in SERVICES:
            elsewhere: str | None = getattr(self.api_overrides, one.override)
            found[one.tag] = elsewhere or one.address.format(domain=self.domain, realm=self.realm_name)
        return found

    @property
    def datastore_api_endpoint(self) -> str:
        """Where the data store is."""
        return self.addresses()["datastore"]

    @property
    def auth_api_endpoint(self) -> str:
        """Where the auth service is."""
        return self.addresses()["auth"]

    @property
    def registry_api_endpoint(self) -> str:
        """Where the registry is."""
        return self.addresses()["registry"]

    @property
    def prov_api_endpoint(self) -> str:
        """Where the provenance service is."""
        return self.addresses()["prov"]

    @property
    def search_api_endpoint(self) -> str:
        """Where the search service is."""
        return self.addresses()["search"]

    @property
    def handle_service_api_endpoint(self) -> str:
        """Where the handle service is."""
        return self.addresses()["handle"]

    @property
    def jobs_service_api_endpoint(self) -> str:
        """Where the job service is."""
        return self.addresses()["job"]

    @property
    def keycloak_endpoint(self) -> str:
        """Where the realm of the identity provider is."""
        return self.addresses()["identity"]
