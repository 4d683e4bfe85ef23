# Derived from kalbio/provena/aio/_verified.py by scripts/regenerate; edit that file. (digest 3bf089ab150c)
"""Writes whose answer is lost: what they have done is looked for, where the caller wants that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from kalbio._core.errors import OutcomeUnknownError, SDKError
from kalbio._core.sync.concurrency import sleep
from kalbio.provena._service import Client

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

T = TypeVar("T")

LOOKS = (0.0, 1.0, 3.0)
"""Seconds before each look for what a write may have done."""


def sent_or_found(client: Client, request: dict[str, Any], look: Callable[[], T | None] | None) -> Response | T:
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
        return client.session.call(request)
    except OutcomeUnknownError as error:
        for pause in LOOKS if look is not None else ():
            sleep(pause)
            with suppress(SDKError):
                if look is not None and (found := look()) is not None:
                    return found
        if look is not None:
            error.add_note("verify looked for what it has done, and found nothing; it may be carried out yet")
        raise
