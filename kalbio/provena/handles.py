# Derived from kalbio/provena/aio/handles.py by scripts/regenerate; edit that file. (digest 1516bfb2fb71)
"""Handles: persistent ids, and what they stand for."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from provena_api.api.handle import (
    handle_add_value,
    handle_add_value_by_index,
    handle_get,
    handle_list,
    handle_mint,
    handle_modify_by_index,
    handle_remove_by_index,
)
from provena_api.models import (
    AddValueIndexRequest,
    AddValueRequest,
    MintRequest,
    ModifyRequest,
    RemoveRequest,
    ValueType,
)

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import NotFoundError, OutcomeUnknownError
from kalbio._core.http.responses import as_object
from kalbio._core.objects.checks import require_flag, require_text
from kalbio._core.objects.resource import Resource
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.answers import texts_in
from kalbio.provena._model.items import HANDLE, Handle
from kalbio.provena._service import Service, require_one_of, require_whole
from kalbio.provena._verified import sent_or_found

Kind: TypeAlias = Literal["URL", "DESC"]


class HandlesService(Service):
    """Reads handles and changes them. Writing needs the role `handle-write`; the registry mints those of its items."""

    def get(self, handle: str | Resource) -> Handle | None:
        """Get a handle with its values; None when there is none.

        Args:
            handle: its id, the object, or the item that it stands for.

        Example:
            >>> handle = client.handles.get("10378.1/1451860")
        """
        try:
            return self._call(handle_get.build_request(id=_id_of(handle)))
        except NotFoundError:
            return None

    def ids(self) -> list[str]:
        """List the ids of the caller's handles. Current servers fail here with status 500."""
        response = self._client.session.call(handle_list.build_request())
        return texts_in(response, as_object(response), "ids")

    def mint(self, value: str, value_type: Kind = "URL") -> Handle:
        """Mint a handle. It is there for good: there is no way to delete it.

        Args:
            value: what it stands for: an address, or a description.
            value_type: URL or DESC.

        Example:
            >>> client.handles.mint("https://data.example.org/reef")
            <Handle 10378.1/1451860>
        """
        body = MintRequest(value_type=_type_of(value_type), value=require_text("value", value))
        try:
            return self._call(handle_mint.build_request(body=body))
        except OutcomeUnknownError as error:
            error.add_note("whether it was minted cannot be verified: the servers do not list handles")
            raise

    def add_value(
        self, handle: str | Resource, value: str, value_type: Kind = "URL", *, verify: bool = False
    ) -> Handle:
        """Give a handle one more value, at an index that the server chooses.

        Args:
            handle: its id, or the object.
            value: an address, or a description.
            value_type: URL or DESC.
            verify: whether to look for the change when the answer is lost. Reads the handle before.

        Raises:
            NotFoundError: there is no such handle.

        Example:
            >>> client.handles.add_value("10378.1/1451860", "Reef data", "DESC")
        """
        body = AddValueRequest(id=_id_of(handle), value_type=_type_of(value_type), value=require_text("value", value))
        return self._changed(handle_add_value.build_request(body=body), body.id, verify)

    def add_value_by_index(
        self, handle: str | Resource, index: int, value: str, value_type: Kind = "URL", *, verify: bool = False
    ) -> Handle:
        """Give a handle one more value, at an index of yours.

        Args:
            handle: its id, or the object.
            index: a number above 0 that is free.
            value: an address, or a description.
            value_type: URL or DESC.
            verify: whether to look for the change when the answer is lost. Reads the handle before.

        Raises:
            NotFoundError: there is no such handle.
            ConflictError: the index is in use.

        Example:
            >>> client.handles.add_value_by_index("10378.1/1451860", 5, "Reef data", "DESC")
        """
        body = AddValueIndexRequest(
            id=_id_of(handle),
            index=_checked_index(index),
            value_type=_type_of(value_type),
            value=require_text("value", value),
        )
        return self._changed(handle_add_value_by_index.build_request(body=body), body.id, verify)

    def modify_by_index(self, handle: str | Resource, index: int, value: str) -> Handle:
        """Replace a value of a handle; its type stays.

        Args:
            handle: its id, or the object.
            index: which value.
            value: what it is from now on.

        Raises:
            NotFoundError: there is no such handle, or no value at this index.

        Example:
            >>> client.handles.modify_by_index("10378.1/1451860", 1, "https://data.example.org/reef-2")
        """
        body = ModifyRequest(id=_id_of(handle), index=_checked_index(index), value=require_text("value", value))
        return self._call(handle_modify_by_index.build_request(body=body))

    def remove_by_index(self, handle: str | Resource, index: int, *, verify: bool = False) -> Handle:
        """Remove a value of a handle.

        Args:
            handle: its id, or the object.
            index: which value.
            verify: whether to look for the change when the answer is lost. Reads the handle before.

        Raises:
            NotFoundError: there is no such handle, or no value at this index.

        Example:
            >>> client.handles.remove_by_index("10378.1/1451860", 5)
        """
        body = RemoveRequest(id=_id_of(handle), index=_checked_index(index))
        return self._changed(handle_remove_by_index.build_request(body=body), body.id, verify)

    def _changed(self, request: dict[str, Any], id: str, verify: Any) -> Handle:
        """Send a change of the values; when its answer is lost, see what has changed, where that is wanted."""
        before = self.get(id) if require_flag("verify", verify) else None
        sent = request["json"]

        def look() -> Handle | None:
            now = self.get(id)
            if now is None or before is None:
                return None
            # By the index, since others may change what stands at one.
            old, here = ({one.get("index"): one for one in handle.properties} for handle in (before, now))
            if "value" not in sent:
                return now if sent["index"] in old and sent["index"] not in here else None
            wanted = {"type": sent["value_type"], "value": sent["value"]}
            if "index" in sent:
                wanted["index"] = sent["index"]
            new = [dict(one) for index, one in here.items() if index not in old]
            return now if any(wanted.items() <= one.items() for one in new) else None

        answer = sent_or_found(self._client, request, look if verify else None)
        return answer if isinstance(answer, Handle) else Handle(as_object(answer), self._client)

    def _call(self, request: dict[str, Any]) -> Handle:
        return Handle(as_object(self._client.session.call(request)), self._client)


def _id_of(handle: Any) -> str:
    id = handle.id if isinstance(handle, Resource) else handle
    if not isinstance(id, str) or not HANDLE.fullmatch(id):
        raise ArgumentError(f"a handle looks like 10378.1/1451860; got {safe_repr(handle)}")
    return id


def _type_of(value_type: Any) -> ValueType:
    require_one_of("value_type", value_type, ("URL", "DESC"))
    return ValueType(value_type)


def _checked_index(index: Any) -> int:
    require_whole("index", index, 1)
    return int(index)
