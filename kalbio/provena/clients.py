"""The clients of the older client of Provena, one class for each service, async as they were.

    from kalbio.provena import Config, DeviceFlow
    from kalbio.provena.clients import RegistryClient
    from kalbio.provena.models import ItemSubType, PersonFetchResponse

    config = Config("provena.example.org", "provena")
    async with RegistryClient(DeviceFlow(config, "client-tools"), config) as registry:
        answer = await registry.fetch_item("10378.1/1451860", ItemSubType.PERSON, PersonFetchResponse)

`kalbio.provena.sync` has the same without `await`.
"""

from __future__ import annotations

from kalbio.provena.aio.older.auth import AuthAdminSubClient, AuthClient
from kalbio.provena.aio.older.datastore import DatasetReviewSubClient, DatastoreClient
from kalbio.provena.aio.older.handles import IdServiceClient
from kalbio.provena.aio.older.jobs import JobAPIAdminSubClient, JobAPIClient
from kalbio.provena.aio.older.prov import ProvAdminClient, ProvClient
from kalbio.provena.aio.older.registry import RegistryAdminClient, RegistryClient, RegistryGeneralClient
from kalbio.provena.aio.older.search import SearchClient

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
