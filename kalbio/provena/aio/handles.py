"""Handles: persistent ids, and what they stand for."""

from __future__ import annotations

from provena_api.api.handle import handle_get, handle_list

from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_object
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.items import HANDLE, Handle
from kalbio.provena.aio._service import Service


class HandlesService(Service):
    """Reads handles."""

    async def get(self, handle: str) -> Handle | None:
        """Get a handle with its values; None when there is none.

        Example:
            >>> handle = await client.handles.get("10378.1/1451860")
        """
        if not isinstance(handle, str) or not HANDLE.fullmatch(handle):
            raise ValueError(f"a handle looks like 10378.1/1451860; got {safe_repr(handle)}")
        try:
            answer = as_object(await self._client.session.call(handle_get.build_request(id=handle)))
        except NotFoundError:
            return None
        return Handle(answer, self._client)

    async def ids(self) -> list[str]:
        """List the ids of the caller's handles. Current servers fail here with status 500."""
        answer = as_object(await self._client.session.call(handle_list.build_request()))
        return [str(id) for id in answer.get("ids") or ()]
