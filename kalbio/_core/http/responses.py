"""Reads JSON out of successful answers, and says clearly when it cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalbio._core.errors import ResponseError
from kalbio._core.json import lazy_json
from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.platform import Platform

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request


def as_json(response: Response) -> Any:
    """Return the parsed body, None when there is none. Raises ResponseError when it is not JSON."""
    if (known := response.extensions.pop("decoded", None)) is not None:  # once: it is the reader's own
        return known
    if not response.content.strip():
        return None
    try:
        return lazy_json.decode(response.content)
    except (ValueError, RecursionError):
        error = unusable(response, "the answer is not JSON")
    raise error  # here: there its context would be that of the decoder, which has the whole body


def as_texts(response: Response) -> list[LazyObject] | None:
    """Return the objects of a list, not decoded yet; None when the answer is anything else. Cut once per answer."""
    known = response.extensions
    if "texts" not in known:
        known["texts"] = lazy_json.split_list(response.content, known.pop("parts", None))
    texts: list[LazyObject] | None = known["texts"]
    return texts


def as_object(response: Response) -> dict[str, Any]:
    """Return the body as an object. A list of one object counts as that object where the platform answers so."""
    value = as_json(response)
    if isinstance(value, list) and len(value) == 1 and may_be_wrapped(response):
        value = value[0]
    if not isinstance(value, dict):
        raise unusable(response, "the answer should be an object")
    return value


def as_optional_object(response: Response) -> dict[str, Any] | None:
    """Return the body as an object, or None when there is no body."""
    return None if as_json(response) is None else as_object(response)


def as_list(response: Response) -> list[Any]:
    """Return the body as a list."""
    value = as_json(response)
    if not isinstance(value, list):
        raise unusable(response, "the answer should be a list")
    return value


def platform_of(response: Response) -> Platform | None:
    """Return the platform that answered; None for an answer that did not come through a retrying client."""
    platform: Platform | None = response.extensions.get("platform")
    return platform


def may_be_wrapped(response: Response) -> bool:
    """Whether an object may come as a list of one."""
    platform = platform_of(response)
    return platform is not None and platform.wraps_objects


def unusable(response: Response, reason: str, *, show: bool = True) -> ResponseError:
    """Return the error for an answer that cannot be used; without its body unless `show`."""
    request = response.request
    secrets = response.extensions.get("secrets", tuple)()
    if request.method not in ("GET", "HEAD"):
        reason = f"{reason}; the call may have been carried out, check before you repeat it"
    return ResponseError(request.method, request.url.path, response.content if show else b"", reason, secrets=secrets)
