"""The data store: datasets, credentials for their files, and their review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from provena_api.api.datastore import (
    datastore_health_check,
    datastore_metadata_validate_metadata,
    datastore_register_mint_dataset,
    datastore_register_revert_metadata,
    datastore_register_update_metadata,
    datastore_register_version,
    datastore_registry_credentials_generate_read_access_credentials,
    datastore_registry_credentials_generate_write_access_credentials,
    datastore_registry_items_fetch_dataset,
    datastore_registry_items_generate_presigned_url,
    datastore_registry_items_list,
    datastore_release_action_approval_request,
    datastore_release_approval_request,
    datastore_release_sys_reviewers_add,
    datastore_release_sys_reviewers_delete,
)

from kalbio._core.concurrency.forks import cached_property
from kalbio.provena._model.schema import body_of
from kalbio.provena.aio.older._calls import OlderClient, text
from kalbio.provena.models import (
    ActionApprovalRequest,
    ActionApprovalRequestResponse,
    CollectionFormat,
    CredentialResponse,
    CredentialsRequest,
    DatasetListResponse,
    HealthCheckResponse,
    MintResponse,
    NoFilterSubtypeListRequest,
    PresignedURLRequest,
    PresignedURLResponse,
    RegistryFetchResponse,
    ReleaseApprovalRequest,
    ReleaseApprovalRequestResponse,
    RevertMetadata,
    Status,
    StatusResponse,
    UpdateMetadataResponse,
    VersionRequest,
    VersionResponse,
)


class DatasetReviewSubClient(OlderClient):
    """The review of datasets before their release."""

    async def delete_dataset_reviewer(self, reviewer_id: str) -> None:
        """Take a Person off the list of reviewers. Operation `datastoreReleaseSysReviewersDelete`."""
        await self._send(
            datastore_release_sys_reviewers_delete.build_request(reviewer_id=text("reviewer_id", reviewer_id))
        )

    async def add_dataset_reviewer(self, reviewer_id: str) -> None:
        """Put a Person on the list of reviewers. Operation `datastoreReleaseSysReviewersAdd`."""
        await self._send(
            datastore_release_sys_reviewers_add.build_request(reviewer_id=text("reviewer_id", reviewer_id))
        )

    async def approval_request(
        self, approval_request_payload: ReleaseApprovalRequest
    ) -> ReleaseApprovalRequestResponse:
        """Ask a reviewer to approve the release of a dataset. Operation `datastoreReleaseApprovalRequest`."""
        return await self._ask(
            datastore_release_approval_request.build_request(
                body=body_of("approval_request_payload", approval_request_payload, ReleaseApprovalRequest)
            ),
            ReleaseApprovalRequestResponse,
        )

    async def action_approval_request(
        self, action_approval_request_payload: ActionApprovalRequest
    ) -> ActionApprovalRequestResponse:
        """Approve or reject the release of a dataset. Operation `datastoreReleaseActionApprovalRequest`."""
        return await self._ask(
            datastore_release_action_approval_request.build_request(
                body=body_of("action_approval_request_payload", action_approval_request_payload, ActionApprovalRequest)
            ),
            ActionApprovalRequestResponse,
        )


class DatastoreClient(OlderClient):
    """The data store."""

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "validate_dataset_metadata": "validate_metadata(...)",
        "update_dataset_metadata": "update_metadata(...)",
        "revert_dataset_metadata": "revert_metadata(...)",
        "generate_dataset_presigned_url": "generate_presigned_url(...)",
        "for_all_datasets": "client.datasets.list()",
        "list_all_datasets": "client.datasets.list().all()",
        "search_datasets": "client.search.find(words, subtype='DATASET')",
        "interactive_dataset": "client.datasets.get(...)",
        "io": "client.datasets.upload(...) and client.datasets.download(...)",
    }

    @cached_property
    def review(self) -> DatasetReviewSubClient:
        """The review of datasets."""
        return self.as_kind(DatasetReviewSubClient)

    async def get_health_check(self) -> HealthCheckResponse:
        """Check that the service answers. Operation `datastoreHealthCheck`."""
        return await self._ask(datastore_health_check.build_request(), HealthCheckResponse)

    async def validate_metadata(self, metadata_payload: CollectionFormat) -> Status:
        """Check the metadata of a dataset without minting one. Operation `datastoreMetadataValidateMetadata`."""
        return await self._ask(
            datastore_metadata_validate_metadata.build_request(
                body=body_of("metadata_payload", metadata_payload, CollectionFormat)
            ),
            Status,
        )

    async def update_metadata(
        self, handle_id: str, reason: str, metadata_payload: CollectionFormat
    ) -> UpdateMetadataResponse:
        """Replace the metadata of a dataset. Operation `datastoreRegisterUpdateMetadata`."""
        return await self._ask(
            datastore_register_update_metadata.build_request(
                handle_id=text("handle_id", handle_id),
                reason=text("reason", reason),
                body=body_of("metadata_payload", metadata_payload, CollectionFormat),
            ),
            UpdateMetadataResponse,
        )

    async def revert_metadata(self, metadata_payload: RevertMetadata) -> StatusResponse:
        """Go back to earlier metadata of a dataset. Operation `datastoreRegisterRevertMetadata`."""
        return await self._ask(
            datastore_register_revert_metadata.build_request(
                body=body_of("metadata_payload", metadata_payload, RevertMetadata)
            ),
            StatusResponse,
        )

    async def version_dataset(self, version_dataset_payload: VersionRequest) -> VersionResponse:
        """Create a new version of a dataset, which has no files yet. Operation `datastoreRegisterVersion`."""
        return await self._ask(
            datastore_register_version.build_request(
                body=body_of("version_dataset_payload", version_dataset_payload, VersionRequest)
            ),
            VersionResponse,
        )

    async def list_datasets(self, list_request: NoFilterSubtypeListRequest) -> DatasetListResponse:
        """List datasets, one page. Those that are damaged are told with a warning.

        Operation `datastoreRegistryItemsList`.
        """
        return await self._ask_page(
            datastore_registry_items_list.build_request(
                body=body_of("list_request", list_request, NoFilterSubtypeListRequest)
            ),
            DatasetListResponse,
        )

    async def generate_presigned_url(self, presigned_url: PresignedURLRequest) -> PresignedURLResponse:
        """Make a link to a file of a dataset that works without a login for a while.

        Operation `datastoreRegistryItemsGeneratePresignedUrl`.
        """
        return await self._ask(
            datastore_registry_items_generate_presigned_url.build_request(
                body=body_of("presigned_url", presigned_url, PresignedURLRequest)
            ),
            PresignedURLResponse,
        )

    async def generate_read_access_credentials(self, read_access_credentials: CredentialsRequest) -> CredentialResponse:
        """Get credentials that read the files of a dataset.

        Operation `datastoreRegistryCredentialsGenerateReadAccessCredentials`.
        """
        return await self._ask(
            datastore_registry_credentials_generate_read_access_credentials.build_request(
                body=body_of("read_access_credentials", read_access_credentials, CredentialsRequest)
            ),
            CredentialResponse,
        )

    async def generate_write_access_credentials(
        self, write_access_credentials: CredentialsRequest
    ) -> CredentialResponse:
        """Get credentials that write the files of a dataset.

        Operation `datastoreRegistryCredentialsGenerateWriteAccessCredentials`.
        """
        return await self._ask(
            datastore_registry_credentials_generate_write_access_credentials.build_request(
                body=body_of("write_access_credentials", write_access_credentials, CredentialsRequest)
            ),
            CredentialResponse,
        )

    async def fetch_dataset(self, id: str) -> RegistryFetchResponse:
        """Get a dataset. Operation `datastoreRegistryItemsFetchDataset`."""
        return await self._ask(
            datastore_registry_items_fetch_dataset.build_request(handle_id=text("id", id)), RegistryFetchResponse
        )

    async def mint_dataset(self, dataset_info: CollectionFormat) -> MintResponse:
        """Create a dataset, with a place for its files. Operation `datastoreRegisterMintDataset`."""
        return await self._ask(
            datastore_register_mint_dataset.build_request(body=body_of("dataset_info", dataset_info, CollectionFormat)),
            MintResponse,
        )
