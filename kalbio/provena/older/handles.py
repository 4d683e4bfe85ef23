# Derived from kalbio/provena/aio/older/handles.py by scripts/regenerate; edit that file. (digest 1278e2115d30)
"""The handle service: persistent ids."""

from __future__ import annotations

from provena_api.api.handle import (
    handle_add_value,
    handle_add_value_by_index,
    handle_list,
    handle_mint,
    handle_modify_by_index,
    handle_remove_by_index,
)

from kalbio.provena._model.schema import body_of
from kalbio.provena.models import (
    AddValueIndexRequest,
    AddValueRequest,
    Handle,
    ListResponse,
    MintRequest,
    ModifyRequest,
    RemoveRequest,
)
from kalbio.provena.older._calls import OlderClient


class IdServiceClient(OlderClient):
    """The handle service."""

    def mint(self, body: MintRequest) -> Handle:
        """Create a handle. Operation `handleMint`."""
        return self._ask(handle_mint.build_request(body=body_of("body", body, MintRequest)), Handle)

    def add_value(self, body: AddValueRequest) -> Handle:
        """Add a value to a handle. Operation `handleAddValue`."""
        return self._ask(handle_add_value.build_request(body=body_of("body", body, AddValueRequest)), Handle)

    def add_value_by_index(self, body: AddValueIndexRequest) -> Handle:
        """Add a value to a handle at an index. Operation `handleAddValueByIndex`."""
        return self._ask(
            handle_add_value_by_index.build_request(body=body_of("body", body, AddValueIndexRequest)), Handle
        )

    def list(self) -> ListResponse:
        """List the handles of the caller. Current servers fail here. Operation `handleList`."""
        return self._ask(handle_list.build_request(), ListResponse)

    def modify_by_index(self, body: ModifyRequest) -> Handle:
        """Replace a value of a handle. Operation `handleModifyByIndex`."""
        return self._ask(handle_modify_by_index.build_request(body=body_of("body", body, ModifyRequest)), Handle)

    def remove_by_index(self, body: RemoveRequest) -> Handle:
        """Remove a value of a handle. Operation `handleRemoveByIndex`."""
        return self._ask(handle_remove_by_index.build_request(body=body_of("body", body, RemoveRequest)), Handle)
