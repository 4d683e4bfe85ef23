"""The services of an installation: their names, where they are, and how the description calls them."""

from __future__ import annotations

from typing import NamedTuple


class Service(NamedTuple):
    """One service."""

    tag: str
    """Its tag in the description, and its name in `client.health()`."""
    prefix: str
    """What its paths begin with in the description, after the first slash, and not at its own host."""
    address: str
    """Where it is by default."""
    override: str
    """The field of `APIOverrides` that says it is elsewhere."""


SERVICES = (
    Service("auth", "auth-api", "https://auth-api.{domain}", "auth_api_endpoint_override"),
    Service("datastore", "data-store-api", "https://data-api.{domain}", "datastore_api_endpoint_override"),
    Service("handle", "id-service-api", "https://handle.{domain}", "handle_service_api_endpoint_override"),
    Service("job", "job-api", "https://job-api.{domain}", "jobs_service_api_endpoint_override"),
    Service("prov", "prov-api", "https://prov-api.{domain}", "prov_api_endpoint_override"),
    Service("registry", "registry-api", "https://registry-api.{domain}", "registry_api_endpoint_override"),
    Service("search", "search-api", "https://search.{domain}", "search_api_endpoint_override"),
    Service("identity", "identity", "https://auth.{domain}/auth/realms/{realm}", "keycloak_endpoint_override"),
)
"""All of them; the last one is the identity provider, which only knows logins."""
