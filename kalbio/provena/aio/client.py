"""The client of Provena: a login, the connections, and the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kalbio._core import constants
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import SDKError
from kalbio._core.http.responses import as_object
from kalbio.provena._model.items import ServiceHealth
from kalbio.provena._model.services import SERVICES
from kalbio.provena._model.subtypes import Subtype, as_subtype
from kalbio.provena.aio._connection import KINDS, AsyncConnection
from kalbio.provena.aio.access import AccessService
from kalbio.provena.aio.all_items import Registry
from kalbio.provena.aio.datasets import DatasetsService
from kalbio.provena.aio.groups import GroupsService
from kalbio.provena.aio.handles import HandlesService
from kalbio.provena.aio.items import DatasetTemplate, Model, Organisation, Person, Study, WorkflowTemplate
from kalbio.provena.aio.jobs import JobsService
from kalbio.provena.aio.lineage import LineageService
from kalbio.provena.aio.model_runs import ModelRunsService
from kalbio.provena.aio.registry import RegistryService
from kalbio.provena.aio.releases import ReleasesService
from kalbio.provena.aio.search import SearchService

if TYPE_CHECKING:
    # Loaded when they are asked for: they have hundreds of classes.
    from kalbio._core.diagnosis.report import Report
    from kalbio._core.http.httpx_names import Response
    from kalbio.provena.aio.older.auth import AuthClient
    from kalbio.provena.aio.older.datastore import DatastoreClient
    from kalbio.provena.aio.older.handles import IdServiceClient
    from kalbio.provena.aio.older.jobs import JobAPIClient
    from kalbio.provena.aio.older.prov import ProvClient
    from kalbio.provena.aio.older.registry import RegistryClient
else:
    Report = Any
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request


class AsyncProvenaClient(AsyncConnection):
    """A connection to one installation of Provena.

    Making a client sends nothing; the first call logs in. Use it as a context manager, or call `aclose()` at the end.

    Args:
        auth: the login; by default `PROVENA_CLIENT_ID` with `PROVENA_CLIENT_SECRET` or `PROVENA_OFFLINE_TOKEN`.
        config: the installation; by default that of `auth`.
        domain: the domain of the installation, instead of `config`; by default `PROVENA_DOMAIN`.
        realm: the realm, instead of `config`; by default `PROVENA_REALM`.
        timeout: seconds for each phase of a request, or `Timeouts`.
        retries: a `RetryPolicy`, or the number of retries (0 for none); by default that of kalbio.
        proxy: URL of a proxy; by default the environment decides.
        max_connections: connections open at a time.
        max_in_flight: requests under way at a time.
        use_cache: False reads everything from the server.
        transport: an httpx transport to use instead of the network, such as the in-process sandbox.
        on_request: a function that is called with a `RequestEvent` after each attempt of each request, files included,
            from the thread or the task that made it. What it raises is logged, and changes nothing.

    Raises:
        SettingError: a setting is missing or cannot be used.

    Example:
        >>> async with AsyncProvenaClient(auth) as client:
        ...     model = await client.models.get("Coral model")
    """

    @cached_property
    def _registries(self) -> dict[Subtype, RegistryService[Any]]:
        return {}

    # -- services ---------------------------------------------------------------------------------------------------

    @cached_property
    def registry(self) -> Registry:
        """All items; called with a subtype, it gives the service for the items of that: `client.registry("CREATE")`."""
        return Registry(self, self._items_of, lambda: self._older_registry)

    def _items_of(self, subtype: Subtype | str) -> RegistryService[Any]:
        wanted = as_subtype(subtype)
        if wanted not in self._registries:
            if wanted is Subtype.DATASET:
                endpoint = self.config.api_overrides.s3_endpoint_override
                self._registries[wanted] = DatasetsService(self, self.store_clients, endpoint)
            else:
                kind = ModelRunsService if wanted is Subtype.MODEL_RUN else RegistryService
                self._registries[wanted] = kind(self, wanted)
        return self._registries[wanted]

    @property
    def organisations(self) -> RegistryService[Organisation]:
        """Organisations."""
        return self.registry(Subtype.ORGANISATION)

    @property
    def persons(self) -> RegistryService[Person]:
        """People."""
        return self.registry(Subtype.PERSON)

    @property
    def models(self) -> RegistryService[Model]:
        """Models."""
        return self.registry(Subtype.MODEL)

    @property
    def workflow_templates(self) -> RegistryService[WorkflowTemplate]:
        """Templates of model runs."""
        return self.registry(Subtype.MODEL_RUN_WORKFLOW_TEMPLATE)

    @property
    def dataset_templates(self) -> RegistryService[DatasetTemplate]:
        """Templates of datasets."""
        return self.registry(Subtype.DATASET_TEMPLATE)

    @property
    def datasets(self) -> DatasetsService:
        """Datasets."""
        found = self.registry(Subtype.DATASET)
        assert isinstance(found, DatasetsService)
        return found

    @property
    def studies(self) -> RegistryService[Study]:
        """Studies."""
        return self.registry(Subtype.STUDY)

    @property
    def model_runs(self) -> ModelRunsService:
        """Model runs."""
        found = self.registry(Subtype.MODEL_RUN)
        assert isinstance(found, ModelRunsService)
        return found

    @cached_property
    def search(self) -> SearchService:
        """The search over the registry."""
        return SearchService(self)

    @cached_property
    def jobs(self) -> JobsService:
        """What the servers do for you in the background."""
        return JobsService(self)

    @cached_property
    def access(self) -> AccessService:
        """Your roles, your requests for others, and which person of the registry you are."""
        return AccessService(self)

    @cached_property
    def groups(self) -> GroupsService:
        """Groups of users, to whom items give roles together."""
        return GroupsService(self)

    @cached_property
    def releases(self) -> ReleasesService:
        """The reviews of datasets before their release."""
        return ReleasesService(self, self.datasets, self.persons)

    @cached_property
    def handles(self) -> HandlesService:
        """Persistent ids."""
        return HandlesService(self)

    @cached_property
    def lineage(self) -> LineageService:
        """What items came from, and what came of them."""
        return LineageService(self)

    # -- the older client ---------------------------------------------------------------------------------------------

    @cached_property
    def _older_registry(self) -> RegistryClient:
        from kalbio.provena.aio.older.registry import RegistryClient

        return self.as_kind(RegistryClient)

    @cached_property
    def datastore(self) -> DatastoreClient:
        """The data store, as the older client has it; write `datasets` and `releases` today."""
        from kalbio.provena.aio.older.datastore import DatastoreClient

        return self.as_kind(DatastoreClient)

    @cached_property
    def prov_api(self) -> ProvClient:
        """The provenance service, as the older client has it; write `model_runs` and `lineage` today."""
        from kalbio.provena.aio.older.prov import ProvClient

        return self.as_kind(ProvClient)

    @cached_property
    def auth_api(self) -> AuthClient:
        """The auth service, as the older client has it; write `access` and `groups` today."""
        from kalbio.provena.aio.older.auth import AuthClient

        return self.as_kind(AuthClient)

    @cached_property
    def job_api(self) -> JobAPIClient:
        """The job service, as the older client has it; write `jobs` today."""
        from kalbio.provena.aio.older.jobs import JobAPIClient

        return self.as_kind(JobAPIClient)

    @cached_property
    def id_api(self) -> IdServiceClient:
        """The handle service, as the older client has it; write `handles` today."""
        from kalbio.provena.aio.older.handles import IdServiceClient

        return self.as_kind(IdServiceClient)

    # -- calls --------------------------------------------------------------------------------------------------------

    async def health(self) -> dict[str, ServiceHealth]:
        """Ask each service whether it answers.

        Example:
            >>> [one for one in (await client.health()).values() if not one.ok]
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
                message, ok = str(as_object(await self.session.call(check.build_request())).get("message")), True
            except SDKError as error:
                self.session.check()  # that of a closed client says nothing about a service
                message, ok = str(error), False
            found[service] = ServiceHealth(name=service, ok=ok, message=message)
        return found

    async def doctor(
        self, *, max_requests: int = constants.DOCTOR_REQUESTS, progress: Callable[[str], object] | None = None
    ) -> Report:
        """Hold the answers of the servers against the description that this client stands on; report what differs.

        Everything that you may read is asked for, one request after the other, and nothing is written. The report holds
        shapes and no data: it can be given away.

        Args:
            max_requests: how many requests to make at most.
            progress: gets a line about each call.

        Returns:
            The report. It prints as tables, and has `findings`, `operations`, `setup`, `to_json`, `to_html`.

        Raises:
            ModuleNotFoundError: the extra `doctor` is not installed.
            ValueError: `max_requests` makes no sense; nothing was sent.

        Example:
            >>> report = await client.doctor()
            >>> print(report.summary())
        """
        from kalbio._core.aio.examiner import AsyncExaminer
        from kalbio._core.diagnosis.exchanges import Call
        from kalbio.provena._model.doctor import SUBJECT, WHO

        return await AsyncExaminer(self.session, SUBJECT, max_requests, progress).examine(Call(WHO))

    def clear_caches(self) -> None:
        """Forget the names that were read."""
        self.session.forget(*KINDS)
