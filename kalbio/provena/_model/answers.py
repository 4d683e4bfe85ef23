"""Parts of answers that are gone through, checked first: what has another shape is an error that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from kalbio._core.errors import ResponseError
from kalbio._core.http.responses import as_object, unusable

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request


T = TypeVar("T")


def objects_in(response: Response, answer: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    """Return a list of objects in an answer, empty when it is absent. Raises ResponseError when it is something else.

    Args:
        response: what came.
        answer: its body, or a part of that.
        member: the name of the list.
    """
    found = answer.get(member)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise unusable(response, f"{member} should be a list of objects")
    return found


def object_in(response: Response, answer: Mapping[str, Any], member: str) -> dict[str, Any]:
    """Return an object in an answer, empty when it is absent. Raises ResponseError when it is something else."""
    found = answer.get(member)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise unusable(response, f"{member} should be an object")
    return found


def texts_in(response: Response, answer: Mapping[str, Any], member: str) -> list[str]:
    """Return a list of texts in an answer, empty when it is absent. Raises ResponseError when it is something else."""
    found = answer.get(member)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise unusable(response, f"{member} should be a list of texts")
    return found


class PageKeys:
    """The keys of the pages of a list that were read: one that comes again would begin a circle."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def following(self, key: T) -> T:
        """Return the key of the next page. Raises ResponseError when that page was read already."""
        if key is not None:
            text = json.dumps(key, sort_keys=True, default=str)
            if text in self._seen:
                reason = "the next page of the list was read already: it goes round in a circle, without an end"
                raise ResponseError("GET", "the pages of the list", b"", reason)
            self._seen.add(text)
        return key


def page_of(response: Response, key: Any, *members: str) -> dict[str, Any]:
    """Return a page of a list. Raises ResponseError when it has another shape, or the next page would be this one.

    Args:
        response: what came.
        key: what was asked with: the key of this page, None for the first one.
        *members: the lists of objects that it has.
    """
    answer = as_object(response)
    for member in members:
        objects_in(response, answer, member)
    left_out = answer.get("not_authorised_count")
    if left_out is not None and not isinstance(left_out, int):
        raise unusable(response, "not_authorised_count should be a number")
    following = answer.get("pagination_key")
    if following is not None and not isinstance(following, dict):
        raise unusable(response, "pagination_key should be an object")
    if following is not None and following == key:
        raise unusable(response, "the next page of the list would be this one again, without an end")
    return answer
