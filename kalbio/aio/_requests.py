"""Requests that no operation describes, and what older scripts used for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_json
from kalbio._core.text.display import safe_repr
from kalbio._model.search import query_text
from kalbio.aio._policy import default_on_error, none
from kalbio.aio._service import Service

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Requests(Service):
    """Sends a request as the caller has written it, through the HTTP client of the client."""

    @default_on_error(none)
    async def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Any:
        """See `AsyncKaleidoscopeClient.request`."""
        return as_json(await self._session.call(_request(method, path, params, json)))

    @default_on_error(none)
    async def read(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of an answer, None when there is no such thing."""
        try:
            return as_json(await self._session.call(_request("GET", path, params, None)))
        except NotFoundError:
            return None


def _request(method: str, path: str, params: Mapping[str, Any] | None, json: Any) -> dict[str, Any]:
    name = method.upper()
    if name not in _METHODS:
        raise ArgumentError(f"method must be one of {', '.join(_METHODS)}; got {safe_repr(method)}")
    # The token goes where the request goes: never to another host.
    if not path.startswith("/") or path.startswith("//") or set(path) & set("?#\\") or not path.isprintable():
        raise ArgumentError(
            f"path must be a path of the API that begins with a single /, such as /programs, without the host; "
            f"what follows a ? goes into params; got {safe_repr(path)}"
        )
    if ".." in path.split("/") or "." in path.split("/"):
        raise ArgumentError(f"path must not have . or .. as a part; got {safe_repr(path)}")
    if params is not None and not isinstance(params, Mapping):
        raise ArgumentError(f"params must be a dict of name to value; got {safe_repr(params)}")
    query = {key: query_text(value) for key, value in (params or {}).items() if value is not None}
    return {"method": name, "url": path, "params": query, "json": json}
