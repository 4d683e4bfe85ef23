# Derived from kalbio/provena/aio/older/registry.py by scripts/regenerate; edit that file. (digest cc373bc3feb4)
"""The registry: items of all subtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from provena_api.api.registry import (
    registry_admin_config,
    registry_admin_export,
    registry_admin_import,
    registry_admin_restore_from_table,
    registry_general_about_version,
    registry_general_fetch,
    registry_general_list,
    registry_health_check,
    registry_item_auth_configuration_get,
    registry_item_auth_configuration_put,
    registry_item_auth_evaluate,
    registry_item_auth_roles,
    registry_item_create,
    registry_item_delete,
    registry_item_fetch,
    registry_item_list,
    registry_item_locks_history,
    registry_item_locks_lock,
    registry_item_locks_locked,
    registry_item_locks_unlock,
    registry_item_revert,
    registry_item_schema,
    registry_item_seed,
    registry_item_update,
    registry_item_validate,
    registry_item_version,
)

from kalbio._core.concurrency.forks import cached_property
from kalbio.provena._model.schema import ProvenaObject, body_of
from kalbio.provena.models import (
    AccessSettings,
    AuthRolesResponse,
    DescribeAccessResponse,
    GeneralListRequest,
    HealthCheckResponse,
    ItemRevertRequest,
    ItemRevertResponse,
    ItemSubType,
    JsonSchemaResponse,
    LockChangeRequest,
    LockHistoryResponse,
    LockStatusResponse,
    PaginatedListResponse,
    RegistryExportResponse,
    RegistryImportRequest,
    RegistryImportResponse,
    RegistryRestoreRequest,
    StatusResponse,
    SubtypeListRequest,
    UntypedFetchResponse,
    VersionDetails,
    VersionRequest,
    VersionResponse,
)
from kalbio.provena.older._calls import OlderClient, T, flag_or_unset, path_segments, text, text_or_unset


class RegistryAdminClient(OlderClient):
    """What administrators do with the registry."""

    def export_items(self) -> RegistryExportResponse:
        """Export all items, in one answer. Operation `registryAdminExport`."""
        return self._ask(registry_admin_export.build_request(), RegistryExportResponse)

    def import_items(self, registry_import_request: RegistryImportRequest) -> RegistryImportResponse:
        """Import items. Nothing is written unless its `trial_mode` is False. Operation `registryAdminImport`."""
        return self._ask(
            registry_admin_import.build_request(
                body=body_of("registry_import_request", registry_import_request, RegistryImportRequest)
            ),
            RegistryImportResponse,
        )

    def restore_items_from_dynamo_table(self, restore_request: RegistryRestoreRequest) -> RegistryImportResponse:
        """Import the items of another table. Nothing is written unless its `trial_mode` is False.

        Operation `registryAdminRestoreFromTable`.
        """
        return self._ask(
            registry_admin_restore_from_table.build_request(
                body=body_of("restore_request", restore_request, RegistryRestoreRequest)
            ),
            RegistryImportResponse,
        )

    def generate_config_file(self, required_only: bool = True) -> str:
        """Return the settings of the service, as a file of environment variables. Operation `registryAdminConfig`."""
        return self._ask_text(
            registry_admin_config.build_request(required_only=flag_or_unset("required_only", required_only))
        )

    def delete_item(self, id: str, item_subtype: ItemSubType) -> StatusResponse:
        """Delete an item. The server does not check that it is of this subtype. Operation `registryItemDelete`."""
        return self._ask(
            registry_item_delete.build_request(*path_segments(item_subtype, "delete"), id=text("id", id)),
            StatusResponse,
        )


class RegistryGeneralClient(OlderClient):
    """Items of any subtype, as they are stored."""

    def list_general_registry_items(self, general_list_request: GeneralListRequest) -> PaginatedListResponse:
        """List items of all subtypes, one page. Operation `registryGeneralList`."""
        return self._ask(
            registry_general_list.build_request(
                body=body_of("general_list_request", general_list_request, GeneralListRequest)
            ),
            PaginatedListResponse,
        )

    def general_fetch_item(self, id: str) -> UntypedFetchResponse:
        """Get an item of any subtype. Operation `registryGeneralFetch`."""
        return self._ask(registry_general_fetch.build_request(id=text("id", id)), UntypedFetchResponse)

    def get_current_provena_version(self) -> VersionDetails:
        """Get the version of the installation. Operation `registryGeneralAboutVersion`."""
        return self._ask(registry_general_about_version.build_request(), VersionDetails)


class RegistryClient(OlderClient):
    """The registry."""

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "organisation": "client.organisations",
        "person": "client.persons",
        "model": "client.models",
        "model_run_workflow": "client.workflow_templates",
        "dataset_template": "client.dataset_templates",
        "dataset": "client.datasets",
        "study": "client.studies",
        "model_run": "client.model_runs",
        "create_activity": "client.registry('CREATE')",
        "version_acitvity": "client.registry('VERSION')",
        "list_general_registry_items": "general.list_general_registry_items(...)",
        "general_fetch_item": "general.general_fetch_item(...)",
        "get_current_provena_version": "general.get_current_provena_version()",
    }

    @cached_property
    def admin(self) -> RegistryAdminClient:
        """What administrators do."""
        return self.as_kind(RegistryAdminClient)

    @cached_property
    def general(self) -> RegistryGeneralClient:
        """Items of any subtype."""
        return self.as_kind(RegistryGeneralClient)

    def get_health_check(self) -> HealthCheckResponse:
        """Check that the service answers. Operation `registryHealthCheck`."""
        return self._ask(registry_health_check.build_request(), HealthCheckResponse)

    def fetch_item(
        self, id: str, item_subtype: ItemSubType, fetch_response_model: type[T], seed_allowed: bool | None = None
    ) -> T:
        """Get an item. Operation `registryItemFetch`."""
        return self._ask(
            registry_item_fetch.build_request(
                *path_segments(item_subtype, "fetch"),
                id=text("id", id),
                seed_allowed=flag_or_unset("seed_allowed", seed_allowed),
            ),
            fetch_response_model,
        )

    def update_item(
        self,
        id: str,
        reason: str | None,
        item_subtype: ItemSubType,
        domain_info: ProvenaObject,
        update_response_model: type[T],
    ) -> T:
        """Replace the data of an item; a seed needs no reason. Operation `registryItemUpdate`."""
        return self._ask(
            registry_item_update.build_request(
                *path_segments(item_subtype, "update"),
                id=text("id", id),
                reason=text_or_unset("reason", reason),
                body=body_of("domain_info", domain_info, ProvenaObject),
            ),
            update_response_model,
        )

    def list_items(
        self,
        list_items_payload: GeneralListRequest | SubtypeListRequest,
        item_subtype: ItemSubType,
        update_model_response: type[T],
    ) -> T:
        """List items, one page. Those that are damaged are told with a warning. Operation `registryItemList`."""
        return self._ask_page(
            registry_item_list.build_request(
                *path_segments(item_subtype, "list"),
                body=body_of("list_items_payload", list_items_payload, GeneralListRequest, SubtypeListRequest),
            ),
            update_model_response,
        )

    def seed_item(self, item_subtype: ItemSubType, seed_model_response: type[T]) -> T:
        """Create an item without data. Operation `registryItemSeed`."""
        return self._ask(registry_item_seed.build_request(*path_segments(item_subtype, "seed")), seed_model_response)

    def revert_item(self, revert_request: ItemRevertRequest, item_subtype: ItemSubType) -> ItemRevertResponse:
        """Go back to an earlier state of an item. Operation `registryItemRevert`."""
        return self._ask(
            registry_item_revert.build_request(
                *path_segments(item_subtype, "revert"),
                body=body_of("revert_request", revert_request, ItemRevertRequest),
            ),
            ItemRevertResponse,
        )

    def create_item(
        self, create_item_request: ProvenaObject, item_subtype: ItemSubType, create_response_model: type[T]
    ) -> T:
        """Create an item. Operation `registryItemCreate`."""
        return self._ask(
            registry_item_create.build_request(
                *path_segments(item_subtype, "create"),
                body=body_of("create_item_request", create_item_request, ProvenaObject),
            ),
            create_response_model,
        )

    def get_schema(self, item_subtype: ItemSubType) -> JsonSchemaResponse:
        """Get the JSON schema of the data of a subtype. Operation `registryItemSchema`."""
        return self._ask(registry_item_schema.build_request(*path_segments(item_subtype, "schema")), JsonSchemaResponse)

    def validate_item(self, validate_request: ProvenaObject, item_subtype: ItemSubType) -> StatusResponse:
        """Check the data of an item without creating one. Operation `registryItemValidate`."""
        return self._ask(
            registry_item_validate.build_request(
                *path_segments(item_subtype, "validate"),
                body=body_of("validate_request", validate_request, ProvenaObject),
            ),
            StatusResponse,
        )

    def evaluate_auth_access(self, id: str, item_subtype: ItemSubType) -> DescribeAccessResponse:
        """Get the roles that the caller has for an item. Operation `registryItemAuthEvaluate`."""
        return self._ask(
            registry_item_auth_evaluate.build_request(*path_segments(item_subtype, "auth_evaluate"), id=text("id", id)),
            DescribeAccessResponse,
        )

    def get_auth_configuration(self, id: str, item_subtype: ItemSubType) -> AccessSettings:
        """Get who may do what with an item. Operation `registryItemAuthConfigurationGet`."""
        return self._ask(
            registry_item_auth_configuration_get.build_request(
                *path_segments(item_subtype, "auth_configuration_get"), id=text("id", id)
            ),
            AccessSettings,
        )

    def modify_auth_configuration(
        self, id: str, auth_change_request: AccessSettings, item_subtype: ItemSubType
    ) -> StatusResponse:
        """Replace who may do what with an item. Operation `registryItemAuthConfigurationPut`."""
        return self._ask(
            registry_item_auth_configuration_put.build_request(
                *path_segments(item_subtype, "auth_configuration_put"),
                id=text("id", id),
                body=body_of("auth_change_request", auth_change_request, AccessSettings),
            ),
            StatusResponse,
        )

    def get_auth_roles(self, item_subtype: ItemSubType) -> AuthRolesResponse:
        """List the roles that a subtype has. Operation `registryItemAuthRoles`."""
        return self._ask(
            registry_item_auth_roles.build_request(*path_segments(item_subtype, "auth_roles")), AuthRolesResponse
        )

    def lock_resource(self, lock_resource_request: LockChangeRequest, item_subtype: ItemSubType) -> StatusResponse:
        """Lock an item. Operation `registryItemLocksLock`."""
        return self._ask(
            registry_item_locks_lock.build_request(
                *path_segments(item_subtype, "locks_lock"),
                body=body_of("lock_resource_request", lock_resource_request, LockChangeRequest),
            ),
            StatusResponse,
        )

    def unlock_resource(self, unlock_resource_request: LockChangeRequest, item_subtype: ItemSubType) -> StatusResponse:
        """Unlock an item. Operation `registryItemLocksUnlock`."""
        return self._ask(
            registry_item_locks_unlock.build_request(
                *path_segments(item_subtype, "locks_unlock"),
                body=body_of("unlock_resource_request", unlock_resource_request, LockChangeRequest),
            ),
            StatusResponse,
        )

    def get_lock_history(self, handle_id: str, item_subtype: ItemSubType) -> LockHistoryResponse:
        """List who locked and unlocked an item. Operation `registryItemLocksHistory`."""
        return self._ask(
            registry_item_locks_history.build_request(
                *path_segments(item_subtype, "locks_history"), id=text("handle_id", handle_id)
            ),
            LockHistoryResponse,
        )

    def get_lock_status(self, id: str, item_subtype: ItemSubType) -> LockStatusResponse:
        """Tell whether an item is locked. Operation `registryItemLocksLocked`."""
        return self._ask(
            registry_item_locks_locked.build_request(*path_segments(item_subtype, "locks_locked"), id=text("id", id)),
            LockStatusResponse,
        )

    def version(self, version_request: VersionRequest, item_subtype: ItemSubType) -> VersionResponse:
        """Create a new version of an item; datasets have `DatastoreClient.version_dataset`.

        Operation `registryItemVersion`.
        """
        return self._ask(
            registry_item_version.build_request(
                *path_segments(item_subtype, "version"),
                body=body_of("version_request", version_request, VersionRequest),
            ),
            VersionResponse,
        )
