"""The clients of the older client of Provena without `await`; `kalbio.provena.clients` has the async ones."""

from __future__ import annotations

from kalbio.provena.older.auth import AuthAdminSubClient, AuthClient
from kalbio.provena.older.datastore import DatasetReviewSubClient, DatastoreClient
from kalbio.provena.older.handles import IdServiceClient
from kalbio.provena.older.jobs import JobAPIAdminSubClient, JobAPIClient
from kalbio.provena.older.prov import ProvAdminClient, ProvClient
from kalbio.provena.older.registry import RegistryAdminClient, RegistryClient, RegistryGeneralClient
from kalbio.provena.older.search import SearchClient

__all__ = [
    "AuthAdminSubClient",
    "AuthClient",
    "DatasetReviewSubClient",
    "DatastoreClient",
    "IdServiceClient",
    "JobAPIAdminSubClient",
    "JobAPIClient",
    "ProvAdminClient",
    "ProvClient",
    "RegistryAdminClient",
    "RegistryClient",
    "RegistryGeneralClient",
    "SearchClient",
]
