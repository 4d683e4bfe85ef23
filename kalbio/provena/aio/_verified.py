"""Writes whose answer is lost: what they have done is looked for, where the caller wants that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from kalbio._core.aio.concurrency import sleep
from kalbio._core.errors import OutcomeUnknownError, SDKError
from kalbio.provena.aio._service import Client

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

T = TypeVar("T")

LOOKS = (0.0, 1.0, 3.0)
"""Seconds before each look for what a write may have done."""


async def sent_or_found(
    client: Client, request: dict[str, Any], look: Callable[[], Awaitable[T | None]] | None
) -> Response | T:
    """Send a write; when its answer is lost, look for what it has done.

    Args:
        client: what sends it.
        request: the write.
        look: gives what it has done, None when there is nothing to be seen; None itself does not look.

    Returns:
        The answer, or what was found.

    Raises:
        OutcomeUnknownError: the answer was lost, and nothing was found; it may be carried out yet.
    """
    try:
        return await client.session.call(request)
    except OutcomeUnknownError as error:
        if look is None:
            raise
        looked, wrong = False, ""
        for pause in LOOKS:
            await sleep(pause)
            try:
                found = await look()
            except SDKError as failed:
                wrong = f"{type(failed).__name__}: {failed}"
                continue
            if found is not None:
                return found
            looked = True
        said = "looked for what it has done, and found nothing" if looked else f"could not look: {wrong}"
        error.add_note(f"verify {said}; it may be carried out yet")
        raise
